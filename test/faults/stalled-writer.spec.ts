import { setTimeout as pause } from 'node:timers/promises';
import { fill } from '../support/backlog.js';
import { eventually } from '../support/eventually.js';
import { onEvent } from '../support/handlers.js';
import { linkOf } from '../support/role-proxy.js';
import { RunCount } from '../support/run-count.js';
import { useStage } from '../support/stage.js';
import { pendingOf } from '../support/stream-view.js';

const stage = useStage();
const STALL_MS = 4_000;
const UNDER_WAY_MS = 200;
const ALONE_MS = 1_500;
const FIRST = 10;
const STREAMS = ['busy', 'second', 'third', 'fourth', 'fifth'] as const;

describe('a writer link that stalls for four seconds', () => {
  it('repeats no run of five busy streams, and every ack arrives once the link is back', async () => {
    const counts = STREAMS.map(() => new RunCount());
    const handlers = STREAMS.map((stream, at) => onEvent(stream, (data) => counts[at]?.record(data)));
    const sizes = STREAMS.map((_, at) => (at === 0 ? 20_000 : 5_000));
    await runThroughStall(handlers, sizes, {});
    await eventually(() => expect(counts.map(({ messages }) => messages)).toEqual(sizes), { within: 15_000 });
    await untilSettled(STREAMS);
    expect(counts.map(({ repeated }) => repeated)).toEqual(sizes.map(() => 0));
  }, 60_000);

  it('does not make acks repeat forever with 2,000 handlers at once: acks leave in portions', async () => {
    const count = new RunCount();
    const size = 170_000;
    await runThroughStall([onEvent('busy', count.record)], [size], { concurrency: 2_000 });
    await untilRun(count, size);
    await untilSettled(['busy']);
    expect(count.repeated).toBe(0);
    expect(stage.log.text()).not.toContain('RangeError');
  }, 120_000);
});

/** Waits as long as further messages run: how many run in a second depends on the machine. */
async function untilRun(count: RunCount, size: number): Promise<void> {
  while (count.messages < size) {
    const before = count.messages;
    await eventually(() => expect(count.messages).toBeGreaterThan(before), { every: 100 });
  }
}

/**
 * Stalls the link as soon as the server has started. While the first acks are in flight, all streams get entries to
 * ack; most of them pile up for the first stream.
 */
async function runThroughStall(
  handlers: Parameters<typeof stage.serve>[0],
  sizes: readonly number[],
  option: { concurrency?: number },
): Promise<void> {
  const { proxy, connection } = await linkOf(stage, 'writer');
  await stage.serve(handlers, { connection, option });
  proxy.set({ kind: 'blackhole', direction: 'both' });
  const stalled = performance.now();
  for (const at of sizes.keys()) {
    await fill(stage.raw, STREAMS[at] as string, FIRST);
    if (at === 0) await pause(UNDER_WAY_MS);
  }
  for (const [at, size] of sizes.entries()) {
    await fill(stage.raw, STREAMS[at] as string, size - FIRST, FIRST);
    if (at === 0) await pause(ALONE_MS);
  }
  await pause(Math.max(0, stalled + STALL_MS - performance.now()));
  proxy.heal();
}

async function untilSettled(streams: readonly string[]): Promise<void> {
  const pending = (): Promise<number[]> => Promise.all(streams.map((stream) => pendingOf(stage.raw, stream)));
  await eventually(async () => expect(await pending()).toEqual(streams.map(() => 0)), { within: 10_000, every: 100 });
}
