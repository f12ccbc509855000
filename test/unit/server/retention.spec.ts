import { jest } from '@jest/globals';
import type { Connection } from '../../../lib/redis/connection.js';
import { RedisClock } from '../../../lib/redis/redis-clock.js';
import { createGroup } from '../../../lib/redis/stream-commands.js';
import { ServerEventEmitter } from '../../../lib/server/holding/server-events.js';
import { Retention } from '../../../lib/server/keeping/retention.js';
import { eventually } from '../../support/eventually.js';
import { useRedis } from '../../support/use-redis.js';
import { groupStreamOf, serverSettings } from './support/entries.js';
import { writerTo } from './support/server-parts.js';

const MINUTE_MS = 60_000;

describe('Retention', () => {
  const redis = useRedis();
  let writer: Connection;
  let retention: Retention;

  beforeEach(async () => {
    writer = writerTo(redis.process.port);
    writer.open();
    await writer.ready();
  });
  afterEach(async () => {
    await retention.stop();
    jest.useRealTimers();
    await writer.close();
  });

  it('declares what the group asks for again every minute, since the shape of a stream may be lost', async () => {
    // The timers of ioredis stay real.
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask', 'setTimeout', 'clearTimeout'] });
    const groupStream = groupStreamOf();
    await createGroup(redis.raw, groupStream.stream, groupStream.group, '0');
    const parts = { writer, clock: new RedisClock(), events: new ServerEventEmitter(() => undefined), info: jest.fn() };
    const settings = { ...serverSettings, retention: { maxLength: 10, maxAgeMs: undefined } };
    retention = new Retention([groupStream], parts, settings);
    const expectDeclared = async (): Promise<void> =>
      expect(await redis.raw.hgetall(groupStream.shape)).toEqual({ 'keep:workers': '10' });
    retention.start();
    await eventually(expectDeclared);
    await redis.raw.del(groupStream.shape);
    const oneTurnLater = (): Promise<void> => {
      jest.advanceTimersByTime(settings.sweepIntervalMs);
      return expectDeclared();
    };
    await eventually(oneTurnLater, { within: 10 * MINUTE_MS });
  });
});
