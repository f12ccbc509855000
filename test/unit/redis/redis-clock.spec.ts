import { jest } from '@jest/globals';
import type { Redis } from 'ioredis';
import { RedisClock } from '../../../lib/redis/redis-clock.js';
import { RedisProcess } from '../../support/redis-process.js';

const HOUR_MS = 3_600_000;
/** Round trips and timers on a busy machine. */
const TOLERANCE_MS = 1_000;
const STOOD_STILL_MS = 500;

let server: RedisProcess;
let redis: Redis;

beforeAll(async () => {
  server = await RedisProcess.start();
  redis = server.client();
});
afterAll(() => server.stop());
afterEach(() => jest.restoreAllMocks());

async function serverTime(): Promise<number> {
  const [seconds] = await redis.time();
  return Number(seconds) * 1_000;
}

/** Steps the wall clock of this host. */
function stepBy(ms: number): void {
  const real = Date.now.bind(Date);
  jest.spyOn(Date, 'now').mockImplementation(() => real() + ms);
}

describe('the clock of Redis', () => {
  it.each([HOUR_MS, -HOUR_MS])('does not follow a step of %d ms in the clock of this host', async (step) => {
    const clock = new RedisClock();
    await clock.synchronise(redis);
    stepBy(step);
    expect(Math.abs(clock.now() - (await serverTime()))).toBeLessThan(TOLERANCE_MS + 1_000);
  });

  it('does not follow a step where it was never synchronized', async () => {
    const clock = new RedisClock();
    stepBy(HOUR_MS);
    expect(Math.abs(clock.now() - (await serverTime()))).toBeLessThan(TOLERANCE_MS + 1_000);
  });

  it('gives the time of Redis on a host whose clock is wrong', async () => {
    stepBy(-HOUR_MS);
    const clock = new RedisClock();
    await clock.synchronise(redis);
    expect(Math.abs(clock.now() - (await serverTime()))).toBeLessThan(TOLERANCE_MS + 1_000);
  });

  it('does not run ahead of a Redis that was paused while it was asked for the time', async () => {
    const clock = new RedisClock();
    await clock.synchronise(redis);
    server.pause();
    const answered = clock.synchronise(redis);
    setTimeout(() => server.resume(), STOOD_STILL_MS);
    await answered;
    const now = clock.now();
    const [seconds, micros] = await redis.time();
    expect(now).toBeLessThanOrEqual(Number(seconds) * 1_000 + Number(micros) / 1_000);
  });
});
