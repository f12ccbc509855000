import { tell } from '../support/calls.js';
import { deferred } from '../support/deferred.js';
import type { Deferred } from '../support/deferred.js';
import { eventually } from '../support/eventually.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { useStage } from '../support/stage.js';
import { infoOf, settled } from '../support/stream-view.js';
import { recordedService } from '../support/recorded-service.js';
import type { RecordedService } from '../support/recorded-service.js';

const stage = useStage();

/** Leases end long after a test: whatever the successor gets was handed over to it. */
const LEASE_MS = 60_000;
const NEVER_MS = 60_000;
/** Time for a reader to reconnect before its process sweeps. */
const LAZY_SWEEP_MS = 1_500;

/** The leaving instance: `fails` fails, everything else runs until the test opens the gate. */
function leavingService(): RecordedService & { readonly gate: Deferred } {
  const gate = deferred();
  const act = (name: string): unknown => {
    if (name === 'fails') throw new Error('the first attempt');
    return gate.promise;
  };
  return { ...recordedService(act), gate };
}

/** The successor. It handles an event first, so that Redis knows it as alive; the other instance is busy. */
async function successor(sweepInterval: number): Promise<RecordedService> {
  const recorded = recordedService();
  await stage.serve(recorded.handlers, { option: { lease: LEASE_MS, sweepInterval } });
  await tell(stage.client(), 'job', 'hello');
  await recorded.untilRun(1);
  return recorded;
}

async function attemptsOf(stream: string): Promise<number[]> {
  const rows = (await stage.raw.xpending(stream, 'service', '-', '+', 10)) as [string, string, number, number][];
  return rows.map(([, , , attempt]) => attempt);
}

describe('a consumer that stops', () => {
  it('hands over its entries although its connections were just reset, and leaves nothing behind', async () => {
    const proxy = await FaultProxy.to(stage.redis);
    stage.owns(() => proxy.close());
    const leaving = leavingService();
    const { server, close } = await stage.serve(leaving.handlers, {
      connection: { host: proxy.host, port: proxy.port },
      option: { lease: LEASE_MS, concurrency: 1 },
    });
    for (const name of ['runs', 'never begun']) await tell(stage.client(), 'job', name);
    await leaving.untilRun(1);
    let lost = false;
    server.on('reconnecting', () => (lost = true));
    proxy.rst();
    await eventually(() => expect(lost).toBe(true), { every: 1 });
    const closing = close();
    leaving.gate.resolve();
    await closing;
    const next = recordedService();
    await stage.serve(next.handlers, { option: { lease: LEASE_MS, sweepInterval: 100 } });
    await settled(stage.raw, 'job');
    expect(next.names()).toEqual(['never begun']);
  });

  it('removes its idle consumer although its connections were just reset', async () => {
    const proxy = await FaultProxy.to(stage.redis);
    stage.owns(() => proxy.close());
    const leaving = recordedService();
    const connection = { host: proxy.host, port: proxy.port };
    const { server, close } = await stage.serve(leaving.handlers, { connection });
    await tell(stage.client(), 'job', 'done');
    await leaving.untilRun(1);
    await settled(stage.raw, 'job');
    let lost = false;
    server.on('reconnecting', () => (lost = true));
    proxy.rst();
    await eventually(() => expect(lost).toBe(true), { every: 1 });
    await close();
    expect(await infoOf(stage.raw, 'CONSUMERS', 'job', 'service')).toEqual([]);
  });

  it.each([
    ['waits for its next attempt', NEVER_MS],
    ['has been counted again and waits for a slot', 400],
  ])('counts a failed attempt once if its entry %s and the successor reconnects before a sweep', async (_, delay) => {
    const leaving = leavingService();
    const option = { lease: LEASE_MS, concurrency: 1, backoff: { delay, maxDelay: delay } };
    // Stored before the server starts: the second takes the slot as soon as the first has failed.
    for (const name of ['fails', 'keeps the only slot']) await tell(stage.client(), 'job', name);
    const { close } = await stage.serve(leaving.handlers, { option });
    await leaving.untilRun(2);
    if (delay !== NEVER_MS) await eventually(async () => expect(await attemptsOf('job')).toEqual([2, 1]));
    const next = await successor(LAZY_SWEEP_MS);
    leaving.gate.resolve();
    await close();
    expect(await infoOf(stage.raw, 'CONSUMERS', 'job', 'service')).toHaveLength(1);
    // A reader that reconnects looks through its pending entries for lost reads.
    await stage.killConnections();
    await settled(stage.raw, 'job');
    expect(next.of('fails').map(({ attempt }) => attempt)).toEqual([2]);
  });
});
