import type { RedisStreamServer } from 'nestjs-redis-stream-transport';
import { PublishOutcomeUnknownError } from 'nestjs-redis-stream-transport';
import { setTimeout as pause } from 'node:timers/promises';
import { ask, failureOf, tell } from '../support/calls.js';
import { deferred } from '../support/deferred.js';
import { eventually, outcomeOf } from '../support/eventually.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { useStage } from '../support/stage.js';
import { callsOf, pendingOf, settled } from '../support/stream-view.js';
import { QUICK } from './support/fleet.js';
import { overlaps, recordedService } from '../support/recorded-service.js';

const stage = useStage();

async function proxied(): Promise<{ proxy: FaultProxy; connection: { host: string; port: number } }> {
  const proxy = await FaultProxy.to(stage.redis);
  stage.owns(() => proxy.close());
  return { proxy, connection: { host: proxy.host, port: proxy.port } };
}

describe('a connection that breaks', () => {
  it('is back within a second after a blocked reader is killed, and loses or doubles nothing', async () => {
    const recorded = recordedService();
    await stage.serve(recorded.handlers, { option: QUICK });
    await stage.untilReading();
    const client = stage.client();
    for (let round = 0; round < 3; round += 1) {
      const before = recorded.runs.length;
      for (let n = 0; n < 20; n += 1) client.emit('job', `${round}-${n}`);
      await killReader();
      const killed = performance.now();
      await tell(client, 'job', `${round}-last`);
      await recorded.untilRun(before + 21, 3_000);
      expect(performance.now() - killed).toBeLessThan(1_500);
    }
    await settled(stage.raw, 'job');
    expect(recorded.names()).toHaveLength(63);
    expect(new Set(recorded.names()).size).toBe(63);
  });

  it('repeats an ack whose reply was lost, and the handler does not run twice', async () => {
    const { proxy, connection } = await proxied();
    const gate = deferred();
    const recorded = recordedService(() => gate.promise);
    await stage.serve(recorded.handlers, { connection, option: { ...QUICK, lease: 5_000, sweepInterval: 500 } });
    await tell(stage.client(), 'job', 'once');
    await recorded.untilRun(1);
    proxy.keepUpstreamOnClientLoss = true;
    proxy.set({ kind: 'swallowReplies' });
    gate.resolve();
    await eventually(async () => expect(await pendingOf(stage.raw, 'job')).toBe(0));
    const acks = await callsOf(stage.raw, 'xack');
    proxy.heal();
    proxy.rst();
    await eventually(async () => expect(await callsOf(stage.raw, 'xack')).toBeGreaterThan(acks));
    await tell(stage.client(), 'job', 'next');
    await recorded.untilRun(2);
    expect(recorded.names()).toEqual(['once', 'next']);
  });

  it('finds entries that were delivered into a black hole once the link is back', async () => {
    const { proxy, connection } = await proxied();
    const recorded = recordedService();
    await stage.serve(recorded.handlers, { connection, option: QUICK });
    await stage.untilReading();
    proxy.set({ kind: 'blackhole', direction: 'down' });
    const client = stage.client();
    for (let n = 0; n < 5; n += 1) await tell(client, 'job', `void-${n}`);
    await eventually(async () => expect(await pendingOf(stage.raw, 'job')).toBeGreaterThan(0));
    proxy.rst();
    proxy.heal();
    await eventually(() => expect(new Set(recorded.names()).size).toBe(5), { within: 3_000 });
    await settled(stage.raw, 'job');
    expect(recorded.runs).toHaveLength(5);
  });

  it.each([
    ['200 ms of delay', { kind: 'delay', ms: 200 }],
    ['10 kB/s', { kind: 'rate', bytesPerSecond: 10_000 }],
    ['slices of 1 byte', { kind: 'slice', bytes: 1 }],
  ] as const)('is slower but correct with %s', async (_name, fault) => {
    const { proxy, connection } = await proxied();
    const recorded = recordedService((name) => name.length);
    await stage.serve(recorded.handlers, { connection, option: { ...QUICK, lease: 3_000 } });
    const client = stage.client({}, connection);
    await client.connect();
    proxy.set(fault);
    const payload = 'zażółć '.repeat(20);
    expect(await ask(client, 'job.ask', payload)).toBe(payload.length);
    for (let n = 0; n < 3; n += 1) await tell(client, 'job', `${payload}${n}`);
    await recorded.untilRun(4);
    await settled(stage.raw, 'job');
    expect(recorded.runs).toHaveLength(4);
    expect(recorded.runs.map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1]);
  });

  it('is replaced when it is half-closed', async () => {
    const { proxy, connection } = await proxied();
    const recorded = recordedService((name) => name);
    await stage.serve(recorded.handlers, { connection, option: QUICK });
    const client = stage.client({}, connection);
    expect(await ask(client, 'job.ask', 'before')).toBe('before');
    proxy.halfClose();
    await eventually(() => ask(client, 'job.ask', 'after'));
    await eventually(() => tell(client, 'job', 'event'));
    await eventually(() => expect(recorded.names()).toContain('event'));
  });

  it('ends publishing as unknown while the server is frozen, and loses or doubles nothing in flight', async () => {
    const recorded = recordedService(() => pause(50));
    await stage.serve(recorded.handlers, { option: QUICK });
    const client = stage.client({ publishTimeout: 500 });
    await tell(client, 'job', 'before');
    await recorded.untilRun(1);
    stage.redis.pause();
    const started = performance.now();
    const frozen = await Promise.all(['a', 'b', 'c'].map((name) => failureOf(tell(client, 'job', name))));
    expect(performance.now() - started).toBeLessThan(1_500);
    for (const error of frozen) expect(error).toBeInstanceOf(PublishOutcomeUnknownError);
    await eventually(() => expect(performance.now() - started).toBeGreaterThan(1.5 * QUICK.lease));
    stage.redis.resume();
    await eventually(() => tell(client, 'job', 'after'));
    await eventually(() => expect(recorded.names()).toContain('after'));
    await settled(stage.raw, 'job');
    for (const name of ['a', 'b', 'c', 'before', 'after']) expect(recorded.of(name).length).toBeLessThan(2);
  });

  it('makes progress while it flaps every 100 ms, leaves no listener behind and loses nothing', async () => {
    const { proxy, connection } = await proxied();
    const recorded = recordedService();
    const { server } = await stage.serve(recorded.handlers, { connection, option: QUICK });
    const client = stage.client();
    const before = listeners(server);
    const sent: string[] = [];
    for (let flap = 0; flap < 30; flap += 1) {
      const name = `flap-${flap}`;
      sent.push(name);
      await tell(client, 'job', name);
      await pause(100);
      proxy.rst();
    }
    await eventually(() => expect(sent.filter((name) => !recorded.names().includes(name))).toEqual([]));
    await settled(stage.raw, 'job');
    expect(listeners(server)).toEqual(before);
    expect(overlaps(recorded.runs)).toEqual([]);
  });

  it.each(['WRITE', 'ALL'])(
    'lets calls wait or end as unknown in time during CLIENT PAUSE %s, and loses or doubles nothing',
    async (mode) => {
      const recorded = recordedService();
      await stage.serve(recorded.handlers, { option: { ...QUICK, lease: 3_000 } });
      const client = stage.client({ publishTimeout: 400 });
      await tell(client, 'job', 'before');
      await recorded.untilRun(1);
      await stage.raw.call('CLIENT', 'PAUSE', '1000', mode);
      const started = performance.now();
      const outcomes = await Promise.all(['a', 'b'].map((name) => outcomeOf(tell(client, 'job', name))));
      expect(performance.now() - started).toBeLessThan(1_500);
      for (const outcome of outcomes) {
        if ('error' in outcome) expect(outcome.error).toBeInstanceOf(PublishOutcomeUnknownError);
      }
      // A write by the observer waits for the end of the pause.
      await stage.raw.del('nothing');
      await tell(client, 'job', 'after');
      await eventually(() => expect(recorded.names()).toContain('after'));
      await settled(stage.raw, 'job');
      expect(new Set(recorded.names()).size).toBe(recorded.runs.length);
    },
  );
});

async function killReader(): Promise<void> {
  const list = String(await stage.raw.call('CLIENT', 'LIST'));
  const reader = list.split('\n').find((line) => line.includes(':reader'));
  const id = /\bid=(\d+)/.exec(reader ?? '')?.[1];
  if (id) await stage.raw.call('CLIENT', 'KILL', 'ID', id);
}

/** Number of listeners of each connection, for all events together. */
function listeners(server: RedisStreamServer): number[] {
  return server
    .unwrap()
    .map((client) => client.eventNames().reduce((sum, event) => sum + client.listenerCount(event), 0));
}
