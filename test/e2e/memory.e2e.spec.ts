import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { SmsFailed, SmsSent } from '../../apps/shared/contracts/index.js';
import { Headroom, RedisStore, SmsRecords } from '../../apps/shared/store/index.js';
import { Ledger } from '../../apps/responder/src/sms/billing/ledger.js';
import { FailureJournal } from '../../apps/responder/src/sms/delivery-status/failure-journal.js';
import { freePort } from '../../scripts/free-port.js';
import { DataDirectory } from '../../scripts/launcher/data-directory.js';
import { startOwnRedis } from '../../scripts/launcher/redis-service.js';
import { locateRedis } from '../../scripts/redis-server.js';
import type { RunningRedis } from '../../scripts/redis-server.js';

const DAY_SECONDS = 24 * 3_600;
const WEEK_SECONDS = 7 * DAY_SECONDS;
const OLD = 150;
const NUMBER = '+420601123456';
const AT = '2026-01-01T00:00:00.000Z';

const sentSms = (): SmsSent => ({ uuid: randomUUID(), number: NUMBER, providerMessageId: 'msg-1', attempt: 1, at: AT });
const failedSms = (changes: Partial<SmsFailed> = {}): SmsFailed => ({
  uuid: randomUUID(),
  number: NUMBER,
  reason: '422',
  attempts: 1,
  at: AT,
  ...changes,
});

describe('the memory of Redis', () => {
  let directory: string;
  let server: RunningRedis;
  let redis: Redis;
  let store: RedisStore;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'redis-stream-memory-'));
    process.env['DATA_DIR'] = directory;
    server = await startOwnRedis(await DataDirectory.open(), await freePort(), await locateRedis({ allowToy: false }));
    redis = new Redis(server.url);
    store = new RedisStore(server.url);
  }, 60_000);

  afterAll(async () => {
    delete process.env['DATA_DIR'];
    store?.onApplicationShutdown();
    redis?.disconnect();
    await server?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  beforeEach(() => redis.flushall());

  /** Adds fields to a hash that `keep` added this long ago. */
  const addOld = async (hash: string, count: number, secondsAgo: number): Promise<void> => {
    const [seconds] = await redis.time();
    for (let i = 0; i < count; i++) {
      await redis.hset(hash, `old-${i}`, 'entry');
      await redis.zadd(`${hash}:ages`, Number(seconds) - secondsAgo, `old-${i}`);
    }
  };

  const expectToExpire = async (key: string, seconds: number): Promise<void> => {
    const left = await redis.ttl(key);
    expect(left).toBeGreaterThan(seconds - 60);
    expect(left).toBeLessThanOrEqual(seconds);
  };

  it('is limited when `npm start` starts it, and a full Redis refuses writes', async () => {
    expect(await redis.config('GET', 'maxmemory')).toEqual(['maxmemory', String(512 * 1_048_576)]);
    expect(await redis.config('GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction']);
  });

  it('takes new work up to three quarters of its limit, and without a limit any', async () => {
    const headroom = new Headroom(store);
    const limitTo = async (times: number, policy: string): Promise<void> => {
      const { used } = await store.memory();
      await redis.config('SET', 'maxmemory', Math.round(used * times), 'maxmemory-policy', policy);
    };
    const [, limit = ''] = await redis.config('GET', 'maxmemory');
    const policy = 'noeviction';
    try {
      await limitTo(2, policy);
      expect(await headroom.isLeft()).toBe(true);
      expect(await headroom.isLeft((await store.memory()).used)).toBe(false);
      await limitTo(1.2, policy);
      expect(await headroom.isLeft()).toBe(false);
      await limitTo(1.2, 'allkeys-lru');
      expect(await headroom.isLeft(1_000_000_000)).toBe(true);
      await limitTo(0, policy);
      expect(await headroom.isLeft(1_000_000_000)).toBe(true);
    } finally {
      await redis.config('SET', 'maxmemory', limit, 'maxmemory-policy', policy);
    }
  });

  it('counts as without a limit if the app may not ask for it', async () => {
    await redis.acl('SETUSER', 'app', 'on', '>secret', '~*', '+@all', '-info');
    const restricted = new RedisStore(server.url.replace('redis://', 'redis://app:secret@'));
    try {
      expect(await restricted.memory()).toEqual({ used: 0, limit: Infinity });
      expect(await new Headroom(restricted).isLeft()).toBe(true);
    } finally {
      restricted.onApplicationShutdown();
    }
  });

  it('holds the charges of a week, and each SMS is charged once', async () => {
    const ledger = new Ledger(store);
    await addOld('{sms}:ledger', OLD, WEEK_SECONDS);
    const [first, second] = [sentSms(), sentSms()];
    expect(await ledger.charge(first)).toBe(true);
    expect(await ledger.charge(first)).toBe(false);
    expect(await redis.hlen('{sms}:ledger')).toBe(OLD - 100 + 1);
    expect(await ledger.charge(second)).toBe(true);
    expect(new Set(await redis.hkeys('{sms}:ledger'))).toEqual(new Set([first.uuid, second.uuid]));
    expect(await redis.zcard('{sms}:ledger:ages')).toBe(2);
    expect(await redis.hgetall('{sms}:ledger:totals')).toEqual({ messages: '2', cents: '10' });
    await expectToExpire('{sms}:ledger', WEEK_SECONDS);
    await expectToExpire('{sms}:ledger:ages', WEEK_SECONDS);
    expect(await redis.ttl('{sms}:ledger:totals')).toBe(-1);
  });

  it('holds what is younger than a week, and charges of an earlier version until none is made for a week', async () => {
    await redis.hset('{sms}:ledger', 'from-before', 'entry');
    await addOld('{sms}:ledger', 3, WEEK_SECONDS - 60);
    await new Ledger(store).charge(sentSms());
    expect(await redis.hlen('{sms}:ledger')).toBe(5);
    await expectToExpire('{sms}:ledger', WEEK_SECONDS);
  });

  it('holds the failures of a week', async () => {
    const failures = new FailureJournal(store);
    await addOld('{sms}:failures', 1, WEEK_SECONDS);
    const sms = failedSms();
    await failures.note(sms);
    await failures.note(failedSms({ uuid: sms.uuid, reason: 'another one' }));
    expect(await redis.hgetall('{sms}:failures')).toEqual({
      [sms.uuid]: JSON.stringify({ number: NUMBER, reason: '422', attempts: 1, at: AT }),
    });
    await expectToExpire('{sms}:failures', WEEK_SECONDS);
  });

  it('holds the status of an SMS for a month while the SMS is on its way, and for a week after that', async () => {
    const records = new SmsRecords(store);
    const { uuid, ...event } = sentSms();
    const key = `{sms}:record:${uuid}`;
    await records.accept({ uuid, number: NUMBER, text: 'Hello' });
    await expectToExpire(key, 30 * DAY_SECONDS);
    await records.begin({ uuid, number: NUMBER, text: 'Hello' }, '1-1', 1);
    await expectToExpire(key, 30 * DAY_SECONDS);
    await records.markSent({ uuid, ...event });
    await expectToExpire(key, WEEK_SECONDS);
    expect(await records.find(uuid)).toMatchObject({ status: 'sent', providerMessageId: 'msg-1' });

    const failed = failedSms();
    await records.accept({ uuid: failed.uuid, number: NUMBER, text: 'Hello' });
    await records.markFailed(failed, 'refused');
    await expectToExpire(`{sms}:record:${failed.uuid}`, WEEK_SECONDS);
  });
});
