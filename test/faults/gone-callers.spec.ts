import { fileURLToPath } from 'node:url';
import { ask } from '../support/calls.js';
import { QUIETLY, abortedAfter, endless } from '../support/endless.js';
import type { Endless } from '../support/endless.js';
import { eventually, within } from '../support/eventually.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { repliesTo, writeRequest } from '../support/raw-request.js';
import { useStage } from '../support/stage.js';
import { pendingOf } from '../support/stream-view.js';
import { WorkerProcess } from '../support/worker-process.js';

const CALLER = fileURLToPath(new URL('../support/fixtures/caller.ts', import.meta.url));
/** A server retries a reply for a second before it gives up on the caller; the rest is slack for a busy machine. */
const GIVEN_UP_MS = 3_000;
const OPTION = { lease: 30_000, shutdownTimeout: 100 };

const stage = useStage();
let open: Endless;

beforeEach(() => {
  open = endless();
  stage.owns(() => open.stop());
});

/** Does what Redis does a minute after the clients last renewed their reply streams. Returns the time. */
async function expireReplyStreams(): Promise<number> {
  await stage.raw.del(...(await stage.raw.keys('*reply:*')));
  return performance.now();
}

async function expectAllEnded(since: number): Promise<void> {
  for (const run of open.runs) {
    expect(await abortedAfter(run, since, 2 * GIVEN_UP_MS)).toBeLessThan(GIVEN_UP_MS);
    await eventually(() => expect(run.unsubscribedAt).toBeDefined(), { within: 1_000 });
  }
  await eventually(async () => {
    expect([await stage.raw.xlen('ticks'), await pendingOf(stage.raw, 'ticks')]).toEqual([0, 0]);
  });
}

describe('a run that has lost its caller', () => {
  it('ends with the reply stream of a killed process, and frees its slot', async () => {
    await stage.serve(open.handlers, { option: { ...OPTION, concurrency: 4 } });
    const caller = await WorkerProcess.start({ connection: stage.connection }, CALLER);
    stage.owns(() => caller.end());
    expect(open.runs).toHaveLength(4);
    await caller.end('SIGKILL');
    await expectAllEnded(await expireReplyStreams());
    expect(await within(2_000, 'an answer', ask(stage.client(), 'ping', 'free'))).toBe('free');
  });

  it('ends with the reply stream of a client whose connections are cut', async () => {
    await stage.serve(open.handlers, { option: OPTION });
    const proxy = await FaultProxy.to(stage.connection);
    stage.owns(() => proxy.close());
    const values: unknown[] = [];
    const caller = stage.client({}, { host: proxy.host, port: proxy.port });
    const subscription = caller
      .send('ticks', {})
      .subscribe({ next: (value) => values.push(value), error: () => undefined });
    await eventually(() => expect(values.length).toBeGreaterThan(2));
    proxy.set({ kind: 'blackhole', direction: 'both' });
    try {
      await expectAllEnded(await expireReplyStreams());
    } finally {
      proxy.heal();
      subscription.unsubscribe();
    }
  });

  it('ends with its reply stream if no client has ever read the reply', async () => {
    await stage.serve(open.handlers, { option: OPTION });
    const request = await writeRequest(stage.raw, 'ticks', {});
    await eventually(async () => expect((await repliesTo(stage.raw, request)).length).toBeGreaterThan(2));
    await expectAllEnded(await expireReplyStreams());
    expect(await stage.raw.exists(request.replyStream)).toBe(0);
  });

  it('ends when its caller unsubscribes: four of four slots are free within a second', async () => {
    await stage.serve(open.handlers, { option: { ...OPTION, concurrency: 4 } });
    const client = stage.client();
    await ask(client, 'ping', 0);
    const subscriptions = [1, 2, 3, 4].map((n) => client.send('ticks', n).subscribe(QUIETLY));
    await eventually(() => expect(open.runs.filter(({ values }) => values >= 3)).toHaveLength(4));
    for (const subscription of subscriptions) subscription.unsubscribe();
    expect(await within(1_000, 'an answer', ask(client, 'ping', 1))).toBe(1);
    await expectAllEnded(performance.now());
  });

  it.each([
    ['a handler that streams values', 'ticks'],
    ['a silent handler', 'wait'],
  ])('ends once the connection is back if its caller left without one: %s', async (_what, pattern) => {
    await stage.serve(open.handlers, { option: OPTION });
    const caller = stage.client();
    const subscription = caller.send(pattern, {}).subscribe(QUIETLY);
    await open.untilRunning(1);
    const lost = new Promise<void>((resolve) => {
      caller.unwrap()[0].once('close', () => {
        subscription.unsubscribe();
        resolve();
      });
    });
    await stage.killConnections();
    await lost;
    await eventually(() => expect(open.runs[0]?.signal.aborted).toBe(true), { within: 5_000 });
  });

  it('ends when its client closes, so that the server can close without waiting', async () => {
    const { close } = await stage.serve(open.handlers, { option: { ...OPTION, shutdownTimeout: 20_000 } });
    const client = stage.client();
    client.send('ticks', {}).subscribe(QUIETLY);
    await open.untilRunning(1);
    await client.close();
    await within(3_000, 'the end of the server', close());
  });
});

describe('a client that closes while Redis hangs', () => {
  it('does not wait for the cancellation of its requests', async () => {
    await stage.serve(open.handlers, { option: OPTION });
    const client = stage.client();
    for (let n = 0; n < 100; n += 1) client.send('wait', n).subscribe(QUIETLY);
    await open.untilRunning(100);
    stage.redis.pause();
    try {
      await within(2_000, 'the end of the client', client.close());
    } finally {
      stage.redis.resume();
    }
  });
});

describe('a waiting caller that loses its reply stream', () => {
  it('goes on receiving: its client creates the stream again, and the server repeats what it could not write', async () => {
    await stage.serve(open.handlers, { option: OPTION });
    const values: unknown[] = [];
    const errors: unknown[] = [];
    const receive = (value: unknown): void => {
      // Right after a value, so that Redis holds no value that the client has not read.
      if (values.push(value) === 3) void expireReplyStreams();
    };
    const subscription = stage
      .client()
      .send('ticks', {})
      .subscribe({ next: receive, error: (error) => errors.push(error) });
    await eventually(() => expect(values.length + 100 * errors.length).toBeGreaterThan(60));
    subscription.unsubscribe();
    expect(errors).toEqual([]);
    expect(values).toEqual(values.map((_, n) => n));
  });
});
