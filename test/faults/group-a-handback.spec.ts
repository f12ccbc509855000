import { tell } from '../support/calls.js';
import { deferred } from '../support/deferred.js';
import type { Deferred } from '../support/deferred.js';
import { eventually } from '../support/eventually.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { connectedClients } from '../support/leak-check.js';
import { useStage } from '../support/stage.js';
import { infoOf, settled } from '../support/stream-view.js';
import { station, STATION_PATTERNS } from './support/station.js';
import type { Station } from './support/station.js';

const stage = useStage();

/** Whatever the heir gets within a test was handed to it: leases end much later. */
const LEASE_MS = 60_000;
const NEVER_MS = 60_000;
/** Time for a reader to come back before its process sweeps. */
const LAZY_SWEEP_MS = 1_500;

/** The leaving instance: fails what its name says, and is busy with the rest until the test says otherwise. */
function leavingStation(): Station & { readonly gate: Deferred } {
  const gate = deferred();
  const act = (name: string): unknown => {
    if (name === 'fails') throw new Error('the first attempt');
    return gate.promise;
  };
  return { ...station(act), gate };
}

/** The instance that stays. Redis knows it as one that lives since it has handled an event; the other one is busy. */
async function heir(sweepInterval: number): Promise<Station> {
  const post = station();
  await stage.serve(post.handlers, { option: { lease: LEASE_MS, sweepInterval } });
  await tell(stage.client(), 'job', 'hello');
  await post.untilRun(1);
  return post;
}

async function attemptsOf(stream: string): Promise<number[]> {
  const rows = (await stage.raw.xpending(stream, 'service', '-', '+', 10)) as [string, string, number, number][];
  return rows.map(([, , , attempt]) => attempt);
}

describe('what a consumer that stops hands over', () => {
  it('F30 one whose connections have just been reset hands over all the same, and leaves nobody behind', async () => {
    const proxy = await FaultProxy.to(stage.redis);
    stage.owns(() => proxy.close());
    const leaving = leavingStation();
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
    const next = station();
    await stage.serve(next.handlers, { option: { lease: LEASE_MS, sweepInterval: 100 } });
    await settled(stage.raw, 'job');
    expect(next.names()).toEqual(['never begun']);
  });

  it('F30 one that is idle is not a consumer any more, though its connections have just been reset', async () => {
    const proxy = await FaultProxy.to(stage.redis);
    stage.owns(() => proxy.close());
    const leaving = station();
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

  it('F03 a handler that fails while its server stops: the heir runs attempt 2 at once, whatever the lease', async () => {
    const leaving = leavingStation();
    const { close } = await stage.serve(leaving.handlers, { option: { lease: LEASE_MS, concurrency: 1 } });
    await tell(stage.client(), 'job', 'fails late');
    await leaving.untilRun(1);
    const next = await heir(100);
    const closing = close();
    // It reads no more, and has handed over what it could: the running handler is all that is left to it.
    await eventually(async () => expect(await readers()).toBe(1));
    leaving.gate.reject(new Error('the first attempt'));
    await closing;
    const closed = performance.now();
    await next.untilRun(2);
    expect(performance.now() - closed).toBeLessThan(5_000);
    await settled(stage.raw, 'job');
    expect(leaving.of('fails late').map(({ attempt }) => attempt)).toEqual([1]);
    expect(next.of('fails late').map(({ attempt }) => attempt)).toEqual([2]);
  });

  it.each([
    ['waits for its next attempt', NEVER_MS],
    ['has been counted anew, and waits for a slot', 400],
  ])('F03 a failed attempt of what %s stays counted when the heir reconnects before it sweeps', async (_, delay) => {
    const leaving = leavingStation();
    const option = { lease: LEASE_MS, concurrency: 1, backoff: { delay, maxDelay: delay } };
    // There before the server: the second takes the slot as soon as the first has failed.
    for (const name of ['fails', 'keeps the only slot']) await tell(stage.client(), 'job', name);
    const { close } = await stage.serve(leaving.handlers, { option });
    await leaving.untilRun(2);
    if (delay !== NEVER_MS) await eventually(async () => expect(await attemptsOf('job')).toEqual([2, 1]));
    const next = await heir(LAZY_SWEEP_MS);
    leaving.gate.resolve();
    await close();
    expect(await infoOf(stage.raw, 'CONSUMERS', 'job', 'service')).toHaveLength(1);
    // A reader that comes back looks for replies that were lost among what is pending for it.
    await stage.killConnections();
    await settled(stage.raw, 'job');
    expect(next.of('fails').map(({ attempt }) => attempt)).toEqual([2]);
  });

  it('F03 what was never begun is still a first attempt when the heir reconnects before it sweeps', async () => {
    const client = stage.client();
    // A read takes one of each stream, and there is one slot.
    await tell(client, STATION_PATTERNS.event, 'one of two');
    await tell(client, STATION_PATTERNS.request, 'one of two');
    const leaving = leavingStation();
    const { close } = await stage.serve(leaving.handlers, { option: { lease: LEASE_MS, concurrency: 1 } });
    await leaving.untilRun(1);
    const next = await heir(LAZY_SWEEP_MS);
    leaving.gate.resolve();
    await close();
    await stage.killConnections();
    for (const stream of Object.values(STATION_PATTERNS)) await settled(stage.raw, stream);
    expect(leaving.runs).toHaveLength(1);
    expect(next.of('one of two').map(({ attempt }) => attempt)).toEqual([1]);
  });
});

async function readers(): Promise<number> {
  return (await connectedClients(stage.raw)).filter((line) => line.includes(':reader ')).length;
}
