import { DEAD_LETTER } from '../../../lib/redis/lua.generated.js';
import type { GroupStream } from '../../../lib/server/holding/group-stream.js';
import type { HeldEntry } from '../../../lib/server/holding/held-entry.js';
import { eventually } from '../../support/eventually.js';
import { FaultProxy } from '../../support/fault-proxy.js';
import { useRedis } from '../../support/use-redis.js';
import { callsOf, pendingOf } from '../../support/stream-view.js';
import { delivered } from './support/delivered.js';
import { groupStreamOf } from './support/entries.js';
import { ServerParts, writerTo } from './support/server-parts.js';

describe('DeadLetterStore', () => {
  const redis = useRedis();
  let proxy: FaultProxy;
  let parts: ServerParts;
  let groupStream: GroupStream;

  beforeEach(async () => {
    // Otherwise the lost answer would be that Redis does not know the script.
    await redis.raw.script('LOAD', DEAD_LETTER.body);
    proxy = await FaultProxy.to(redis.process);
    const writer = writerTo(proxy.port);
    parts = new ServerParts(writer);
    writer.open();
    await writer.ready();
    groupStream = groupStreamOf();
  });
  afterEach(async () => {
    parts.close();
    await proxy.close();
  });

  /** Reads this many entries, then gives them up. */
  async function giveUp(count: number): Promise<HeldEntry[]> {
    const entries: HeldEntry[] = [];
    for (let n = 0; n < count; n++) entries.push(await delivered(redis.raw, groupStream, ['data', String(n)]));
    for (const entry of entries) parts.run.deadLetters.store(entry, 'failed', 'oops');
    return entries;
  }

  const letters = (): Promise<number> => redis.raw.xlen(groupStream.deadLetterStream);
  const pending = (): Promise<number> => pendingOf(redis.raw, groupStream.stream, groupStream.group);

  it('keeps the letters that Redis refuses again after it has taken one of them', async () => {
    await redis.raw.set(groupStream.deadLetterStream, 'not a stream');
    const entries = await giveUp(3);
    await parts.run.deadLetters.drained();
    proxy.set({ kind: 'blackhole', direction: 'down' });
    await redis.raw.del(groupStream.deadLetterStream);
    await eventually(async () => expect(await letters()).toBe(1));
    await redis.raw
      .multi()
      .rename(groupStream.deadLetterStream, 'kept')
      .set(groupStream.deadLetterStream, 'text')
      .exec();
    const stored = await callsOf(redis.raw, 'evalsha');
    proxy.heal();
    await eventually(async () => expect(await callsOf(redis.raw, 'evalsha')).toBe(stored + 2));
    expect(entries.map(({ phase }) => phase)).toEqual(['released', 'settling', 'settling']);
    await redis.raw.rename('kept', groupStream.deadLetterStream);
    await eventually(async () => expect(await letters()).toBe(3));
    await eventually(() => expect(entries.map(({ phase }) => phase)).toEqual(['released', 'released', 'released']));
    expect(await pending()).toBe(0);
    expect(parts.emitted.map(([name]) => name)).toEqual(['deadLettered', 'deadLettered', 'deadLettered']);
  });

  it('takes a letter as stored whose answer was lost and whose entry is no longer pending', async () => {
    proxy.keepUpstreamOnClientLoss = true;
    proxy.set({ kind: 'swallowReplies' });
    const [entry] = await giveUp(1);
    await eventually(async () => expect(await letters()).toBe(1));
    proxy.heal();
    proxy.rst();
    await eventually(() => expect(entry?.phase).toBe('released'));
    expect(parts.emitted).toEqual([['deadLettered', expect.objectContaining({ id: entry?.id, reason: 'failed' })]]);
    expect([await letters(), await pending()]).toEqual([1, 0]);
  });
});
