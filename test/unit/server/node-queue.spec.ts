import { jest } from '@jest/globals';
import { eventually } from '../../support/eventually.js';
import { useRedis } from '../../support/use-redis.js';
import { groupStreamOf, runningIn } from './support/entries.js';
import { ServerParts, writerTo } from './support/server-parts.js';

const INBOX = '7c1f6a52-93d4-4c1e-8a0b-5d6e7f8091a2';
const REPLIES = `reply:${INBOX}`;
/** As promised: per Redis node. */
const MOST = 1_000;
const RETRY_MS = 200;

describe('NodeQueue', () => {
  const redis = useRedis();
  let parts: ServerParts;

  beforeEach(async () => {
    const writer = writerTo(redis.process.port);
    parts = new ServerParts(writer);
    writer.open();
    await writer.ready();
  });
  afterEach(() => {
    jest.useRealTimers();
    parts.close();
  });

  it('keeps at most a thousand replies that found no reply stream, and drops the others', async () => {
    // No reply is retried, or too old for it, while time stands still.
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
    const entry = runningIn(groupStreamOf());
    for (let n = 0; n < MOST + 100; n++) {
      const responder = parts.run.responders.of(entry, { id: String(n), inbox: INBOX, ttl: 0 });
      responder.value(n);
      responder.done();
    }
    await eventually(() => expect(parts.emitted).toHaveLength(100));
    const dropped = { stream: 'app:sum', id: String(MOST), reason: 'the caller is gone' };
    expect(parts.emitted[0]).toEqual(['replyDropped', dropped]);
    await redis.raw.xadd(REPLIES, '*', 'created', '1');
    jest.advanceTimersByTime(RETRY_MS);
    await eventually(async () => expect(await redis.raw.xlen(REPLIES)).toBe(MOST + 1));
    expect(parts.emitted).toHaveLength(100);
  });
});
