import { Controller } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import type { RedisOptions } from 'ioredis';
import { RedisStreamRecordBuilder } from 'nestjs-redis-stream-transport';
import type { RedisStreamClient } from 'nestjs-redis-stream-transport';
import { fill } from '../support/backlog.js';
import { ask, tell } from '../support/calls.js';
import { deferred } from '../support/deferred.js';
import { eventually, outcomeOf } from '../support/eventually.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { onEvent } from '../support/handlers.js';
import { RedisProcess } from '../support/redis-process.js';
import { useStage } from '../support/stage.js';
import { callsOf, pendingOf, settled } from '../support/stream-view.js';
import { WatchedRedis } from '../support/watched-redis.js';

const stage = useStage({ debugCommand: true });
const handled: number[] = [];
let running = 0;
let mostRunning = 0;
let gate = deferred();

@Controller()
class Handlers {
  @EventPattern('numbers')
  async number(@Payload() n: number): Promise<void> {
    running += 1;
    mostRunning = Math.max(mostRunning, running);
    await new Promise((resolve) => setImmediate(resolve));
    handled.push(n);
    running -= 1;
  }

  @MessagePattern('echo')
  echo(@Payload() data: unknown): unknown {
    return data;
  }

  @MessagePattern('gated')
  async gated(@Payload() data: unknown): Promise<unknown> {
    handled.push(-1);
    await gate.promise;
    return data;
  }
}

beforeEach(() => {
  handled.length = 0;
  running = 0;
  mostRunning = 0;
  gate = deferred();
});

describe('server and client', () => {
  it('recover from five lost connections under load: one read in flight, every event handled once, no more handlers than slots', async () => {
    const clients: WatchedRedis[] = [];
    const connection = (options: RedisOptions, role: string): WatchedRedis => {
      const client = new WatchedRedis({ ...options, ...stage.connection });
      if (role === 'reader') clients.push(client);
      return client;
    };
    await stage.serve([Handlers], { connection, option: { concurrency: 4 } });
    const publisher = stage.client();
    const confirmed: number[] = [];
    const doubtful: number[] = [];
    let next = 0;
    for (let round = 0; round < 5; round += 1) {
      const load = Array.from({ length: 60 }, async () => {
        const n = next++;
        const outcome = await outcomeOf(tell(publisher, 'numbers', n));
        ('error' in outcome ? doubtful : confirmed).push(n);
      });
      await stage.killConnections();
      await Promise.all(load);
      await eventually(() => expect(clients.map(({ readsInFlight }) => readsInFlight)).toEqual([1]));
    }
    expect(confirmed.length).toBeGreaterThan(100);
    await settled(stage.raw, 'numbers');
    expect(clients.map(({ mostReadsInFlight }) => mostReadsInFlight)).toEqual([1]);
    expect(mostRunning).toBeLessThanOrEqual(4);
    const runs = new Map<number, number>();
    for (const n of handled) runs.set(n, (runs.get(n) ?? 0) + 1);
    expect(confirmed.filter((n) => runs.get(n) !== 1)).toEqual([]);
    expect(doubtful.filter((n) => (runs.get(n) ?? 0) > 1)).toEqual([]);
  });

  it('recover from FLUSHALL under load: events and replies arrive again within 2 s', async () => {
    await stage.serve([Handlers]);
    const client = stage.client();
    await ask(client, 'echo', 0);
    for (let round = 0; round < 3; round += 1) {
      const load = Array.from({ length: 40 }, (_, n) => outcomeOf(tell(client, 'numbers', n)));
      await stage.raw.flushall();
      await Promise.all(load);
      const marker = 1_000 + round;
      const flushed = performance.now();
      await tell(client, 'numbers', marker);
      await eventually(() => expect(handled).toContain(marker), { within: 2_000 });
      // The inbox was flushed as well: until the client creates it again, a reply has nowhere to go.
      await eventually(() => expect(askBriefly(client, marker)).resolves.toBe(marker), { within: 2_000 });
      expect(performance.now() - flushed).toBeLessThan(2_500);
    }
  });

  it.each([
    ['DEL of the stream', ['DEL', 'numbers']],
    ['XGROUP DESTROY', ['XGROUP', 'DESTROY', 'numbers', 'service']],
    ['RENAME of the stream', ['RENAME', 'numbers', 'elsewhere']],
  ])('recover from %s under a blocked reader: later events are handled', async (_name, [command, ...args]) => {
    const recreated: unknown[] = [];
    const { server } = await stage.serve([Handlers]);
    server.on('groupRecreated', (fact) => recreated.push(fact));
    const client = stage.client();
    await tell(client, 'numbers', 1);
    await eventually(() => expect(handled).toEqual([1]));
    await settled(stage.raw, 'numbers');
    await stage.raw.call(String(command), ...args.map(String));
    await tell(client, 'numbers', 2);
    await eventually(() => expect(handled).toContain(2), { within: 2_000 });
    expect(recreated).toContainEqual({ stream: 'numbers', group: 'service' });
    await expect(ask(client, 'echo', 'and requests')).resolves.toBe('and requests');
  });

  it('recover from an outage of Redis: consumption and requests resume without a restart', async () => {
    let tries = 0;
    const { server } = await stage.serve([Handlers], { option: { block: 100 } });
    server.on('reconnecting', () => (tries += 1));
    const client = stage.client();
    await ask(client, 'echo', 0);
    await stage.redis.kill();
    await eventually(() => expect(tries).toBeGreaterThan(6));
    await stage.redis.restart();
    await expect(ask(client, 'echo', 'back')).resolves.toBe('back');
    await tell(client, 'numbers', 5);
    await eventually(() => expect(handled).toContain(5));
  });

  it('recover from a restart that lost all data: requests sent during the outage are answered, although their inbox was lost', async () => {
    let lost = 0;
    await stage.serve([Handlers]);
    const client = stage.client();
    await ask(client, 'echo', 0);
    client.on('close', () => (lost += 1));
    await stage.redis.kill();
    await eventually(() => expect(lost).toBeGreaterThan(1));
    const answers = [1, 2, 3].map((n) => ask(client, 'echo', n));
    await stage.redis.restart();
    await expect(Promise.all(answers)).resolves.toEqual([1, 2, 3]);
  });

  it('recover from a connection that goes silent without FIN: the reader notices and uses a new socket', async () => {
    const proxy = await FaultProxy.to(stage.redis);
    stage.owns(() => proxy.close());
    const { server } = await stage.serve([Handlers], {
      connection: proxyAddress(proxy),
      option: { block: 100 },
    });
    let lost = 0;
    server.on('close', (role) => (lost += role === 'reader' ? 1 : 0));
    await stage.untilReading();
    proxy.set({ kind: 'blackhole', direction: 'both' });
    await tell(stage.client(), 'numbers', 7);
    await eventually(() => expect(lost).toBeGreaterThan(0), { within: 15_000 });
    proxy.heal();
    await eventually(() => expect(handled).toEqual([7]));
    await settled(stage.raw, 'numbers');
  });

  it.each([0, 150])(
    'recover from a read whose reply is lost while %i handlers run: its events are handled at once, not after a lease',
    async (busy) => {
      const started: unknown[] = [];
      const slow = onEvent('slow', (n) => {
        started.push(n);
        return gate.promise;
      });
      const proxy = await FaultProxy.to(stage.redis);
      stage.owns(() => proxy.close());
      await stage.serve([slow], { connection: proxyAddress(proxy), option: { concurrency: 300 } });
      stage.owns(() => gate.resolve());
      await fill(stage.raw, 'slow', busy);
      await eventually(() => expect(started).toHaveLength(busy));
      await stage.untilReading();
      proxy.keepUpstreamOnClientLoss = true;
      proxy.set({ kind: 'swallowReplies' });
      await fill(stage.raw, 'slow', 3, busy);
      await eventually(async () => expect(await pendingOf(stage.raw, 'slow')).toBe(busy + 3));
      proxy.heal();
      proxy.rst();
      await eventually(() => expect(started.slice(busy)).toHaveLength(3), { within: 3_000 });
      gate.resolve();
      await settled(stage.raw, 'slow');
      expect(new Set(started).size).toBe(busy + 3);
    },
  );

  it.each([
    ['READONLY', ['replicaof', 'no', 'one'], []],
    ['MASTERDOWN', ['replicaof', 'no', 'one'], ['replica-serve-stale-data', 'no']],
  ])(
    'recover from a Redis that answers %s for a while: the loop waits without spinning and resumes',
    async (_name, cure, config) => {
      await stage.serve([Handlers], { option: { block: 200 } });
      const client = stage.client();
      await ask(client, 'echo', 0);
      if (config.length > 0) await stage.raw.config('SET', String(config[0]), String(config[1]));
      const before = await callsOf(stage.raw, 'xreadgroup');
      await stage.raw.call('REPLICAOF', '127.0.0.1', '1');
      const outcome = await outcomeOf(tell(client, 'numbers', 1));
      const spent = (await callsOf(stage.raw, 'xreadgroup')) - before;
      await stage.raw.call(String(cure[0]), ...cure.slice(1).map(String));
      if (config.length > 0) await stage.raw.config('SET', String(config[0]), 'yes');
      expect('error' in outcome).toBe(true);
      expect(spent).toBeLessThan(100);
      await eventually(() => expect(ask(client, 'echo', 'back')).resolves.toBe('back'));
      await tell(client, 'numbers', 2);
      await eventually(() => expect(handled).toContain(2));
    },
  );

  it('recover from a failover behind a stable address: the connections to the former master are replaced', async () => {
    const proxy = await FaultProxy.to(stage.redis);
    stage.owns(() => proxy.close());
    const successor = await RedisProcess.start();
    stage.owns(() => successor.stop());
    await stage.serve([Handlers], { connection: proxyAddress(proxy), option: { block: 200 } });
    const client = stage.client({}, proxyAddress(proxy));
    await ask(client, 'echo', 0);
    proxy.moveTo(successor);
    stage.owns(async () => {
      await stage.raw.replicaof('NO', 'ONE');
      await stage.raw.flushall();
    });
    // Its open connections stay open: only what it answers says that it is no longer the master.
    await stage.raw.replicaof('127.0.0.1', 1);
    await eventually(() => tell(client, 'numbers', 1));
    await eventually(() => expect(handled).toEqual([1]));
    await eventually(() => expect(askBriefly(client, 'here')).resolves.toBe('here'));
    expect(await successor.client().xlen('numbers')).toBe(1);
    await settled(successor.client(), 'numbers');
  });

  it('recover from a short outage without a failed request: a reply written in the meantime still arrives', async () => {
    const proxy = await FaultProxy.to(stage.redis);
    stage.owns(() => proxy.close());
    await stage.serve([Handlers]);
    const client = stage.client({}, proxyAddress(proxy));
    const answer = ask(client, 'gated', 'patience');
    await eventually(() => expect(handled).toEqual([-1]));
    const [inbox] = await stage.raw.keys('*reply:*');
    const before = await stage.raw.xinfo('STREAM', String(inbox)).then((info) => String(info));
    proxy.set({ kind: 'blackhole', direction: 'both' });
    proxy.rst();
    gate.resolve();
    await eventually(async () => expect(String(await stage.raw.xinfo('STREAM', String(inbox)))).not.toBe(before));
    proxy.heal();
    await expect(answer).resolves.toBe('patience');
  });
});

const proxyAddress = ({ host, port }: FaultProxy): { host: string; port: number } => ({ host, port });

function askBriefly(client: RedisStreamClient, data: unknown): Promise<unknown> {
  return ask(client, 'echo', new RedisStreamRecordBuilder(data).setTimeout(300).build());
}
