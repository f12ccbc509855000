import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { RedisStreamContext } from 'nestjs-redis-stream-transport';
import { Cluster } from 'ioredis';
import type { RedisOptions } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { ask, tell } from '../support/calls.js';
import { deferred } from '../support/deferred.js';
import type { Deferred } from '../support/deferred.js';
import { eventually } from '../support/eventually.js';
import { writeRequest } from '../support/raw-request.js';
import { RedisCluster } from '../support/redis-cluster.js';
import type { RedisProcess } from '../support/redis-process.js';
import { useTarget } from '../support/stage.js';
import type { Service } from '../support/stage.js';

const PLACES = ['birch', 'cedar', 'elder', 'maple', 'oak', 'rowan'];
const EVENTS = PLACES.map((place) => `event.${place}`);
const REQUESTS = PLACES.map((place) => `request.${place}`);
const HELD = PLACES.map((place) => `held.${place}`);
const LEASE_MS = 2_000;
const OPTION = { lease: LEASE_MS, sweepInterval: 200, block: 500, shutdownTimeout: 500 };
/** One or two milliseconds on an idle machine. */
const PROMPT_MS = 500;
/** Half a second for the node that hangs, and the pause before the first attempt. */
const RECONNECTED_MS = 1_000;

/** In addition two seconds for settings of the node that hangs. */
const STARTED_MS = 4_000;

const stage = useTarget(() => RedisCluster.start(3));
let gate: Deferred;
let runs: { stream: string; attempt: number; signal: AbortSignal }[] = [];
let told: unknown[] = [];

@Controller()
class Anywhere {
  @EventPattern<string[]>(EVENTS)
  event(@Payload() _data: unknown, @Ctx() ctx: RedisStreamContext): Promise<void> {
    runs.push({ stream: ctx.getStream(), attempt: ctx.getAttempt(), signal: ctx.signal });
    return gate.promise;
  }

  @MessagePattern(REQUESTS)
  request(@Payload() data: unknown): unknown {
    return data;
  }

  @MessagePattern(HELD)
  held(@Payload() data: unknown, @Ctx() ctx: RedisStreamContext): Promise<unknown> {
    runs.push({ stream: ctx.getStream(), attempt: ctx.getAttempt(), signal: ctx.signal });
    return gate.promise.then(() => data);
  }
}

@Controller()
class OnePlace {
  @EventPattern<string>(EVENTS[0] as string)
  event(@Payload() data: unknown): void {
    told.push(data);
  }
}

beforeEach(() => {
  runs = [];
  told = [];
  gate = deferred();
});
const serve = (): Promise<Service> => stage.serve([Anywhere], { option: OPTION });

/** As a user makes it, whose options know nothing of nodes that hang. */
const clusterClient = (options: RedisOptions): Cluster =>
  new Cluster(stage.connection.nodes, { lazyConnect: true, redisOptions: options });

const elsewhere = (streams: readonly string[], node: RedisProcess): string[] =>
  streams.filter((stream) => stage.target.processOf(stream) !== node);

/** Freezes a node while something happens; its connections stay open. */
async function whileHung(node: RedisProcess, happens: () => Promise<void>): Promise<void> {
  node.pause();
  try {
    await happens();
  } finally {
    node.resume();
  }
}

/** The longest time that an entry of these streams goes without renewal, in milliseconds. */
async function longestIdle(streams: readonly string[], withinMs: number): Promise<number> {
  const end = performance.now() + withinMs;
  let longest = 0;
  while (performance.now() < end) {
    for (const stream of streams) {
      const rows = (await stage.at(stream).xpending(stream, 'service', '-', '+', 10)) as unknown[][];
      for (const row of rows) longest = Math.max(longest, Number(row[2]));
    }
    await pause(50);
  }
  return longest;
}

/** The node that has the reply stream of the only client. */
async function nodeOfReplies(): Promise<RedisProcess> {
  for (const key of REQUESTS) {
    const inboxes = await stage.at(key).keys('*reply:*');
    if (inboxes.length > 0) return stage.target.processOf(key);
  }
  throw new Error('no client has a reply stream');
}

describe('a hung node of a cluster', () => {
  it('delays no reply between the other nodes', async () => {
    await serve();
    const caller = stage.client();
    for (const stream of REQUESTS) await ask(caller, stream, 'before');
    const inbox = await nodeOfReplies();
    const lost = HELD.find((stream) => stage.target.processOf(stream) !== inbox) as string;
    const node = stage.target.processOf(lost);
    // A request whose reply and ack go to the hung node.
    const reply = Array.from({ length: 100 }, () => randomUUID()).find(
      (id) => stage.target.processOf(`reply:${id}`) === node,
    );
    const request = await writeRequest(stage.at(lost), lost, 'held', reply === undefined ? {} : { inbox: reply });
    await eventually(() => expect(runs).toHaveLength(1));
    const streams = elsewhere(REQUESTS, node);
    const times: number[] = [];
    await whileHung(node, async () => {
      gate.resolve();
      await pause(100);
      for (let n = 0; n < 20; n += 1) {
        const asked = performance.now();
        expect(await ask(caller, streams[n % streams.length], n)).toBe(n);
        times.push(performance.now() - asked);
      }
    });
    expect(times.filter((ms) => ms > PROMPT_MS).map(Math.round)).toEqual([]);
    await stage.at(lost).del(request.replyStream);
  }, 60_000);

  it('stops no renewal on the other nodes', async () => {
    const first = await serve();
    const caller = stage.client();
    for (const stream of EVENTS) await tell(caller, stream, 'held');
    await eventually(() => expect(runs).toHaveLength(EVENTS.length));
    await serve();
    const node = stage.target.processOf(EVENTS[0] as string);
    const healthy = elsewhere(EVENTS, node);
    const lost: unknown[] = [];
    first.server.on('leaseLost', ({ stream }) => lost.push(stream));
    await whileHung(node, async () => {
      // Any consumer may take an entry that is idle for longer than a lease.
      expect(await longestIdle(healthy, 3 * LEASE_MS)).toBeLessThan(LEASE_MS);
      const there = runs.filter(({ stream }) => healthy.includes(stream));
      expect(there.map(({ stream, attempt, signal }) => `${stream} ${attempt} ${signal.aborted}`).toSorted()).toEqual(
        healthy.map((stream) => `${stream} 1 false`).toSorted(),
      );
      expect(lost.filter((stream) => healthy.includes(String(stream)))).toEqual([]);
    });
    gate.resolve();
  }, 60_000);

  it.each([
    ['of the library', () => stage.connection],
    ['of a factory', () => (options: RedisOptions) => clusterClient(options)],
  ])(
    'lets clients %s connect to the other nodes at once',
    async (_, connection) => {
      await serve();
      const node = stage.target.processOf(EVENTS[0] as string);
      const stream = elsewhere(EVENTS, node)[0] as string;
      const times: number[] = [];
      await whileHung(node, async () => {
        const connecting = Array.from({ length: 12 }, async () => {
          const client = stage.client({}, connection());
          const begun = performance.now();
          await tell(client, stream, 'connected');
          times.push(performance.now() - begun);
        });
        await Promise.all(connecting);
      });
      expect(times.filter((ms) => ms > RECONNECTED_MS).map(Math.round)).toEqual([]);
    },
    60_000,
  );

  it('lets services start that need only the other nodes', async () => {
    const [stream = '', ...others] = EVENTS;
    const healthy = stage.target.processOf(stream);
    const node = stage.target.processOf(others.find((other) => stage.target.processOf(other) !== healthy) as string);
    const times: number[] = [];
    await whileHung(node, async () => {
      const starting = Array.from({ length: 6 }, async () => {
        const begun = performance.now();
        await stage.serve([OnePlace], { option: OPTION });
        times.push(performance.now() - begun);
      });
      await Promise.all(starting);
      await tell(stage.client(), stream, 'started');
      await eventually(() => expect(told).toEqual(['started']));
    });
    expect(times.filter((ms) => ms > STARTED_MS).map(Math.round)).toEqual([]);
  }, 60_000);

  it('stops no renewal on the other nodes for longer when all connections are lost', async () => {
    const first = await serve();
    const caller = stage.client();
    for (const stream of EVENTS) await tell(caller, stream, 'held');
    await eventually(() => expect(runs).toHaveLength(EVENTS.length));
    const node = stage.target.processOf(EVENTS[0] as string);
    const healthy = elsewhere(EVENTS, node);
    const lost: unknown[] = [];
    first.server.on('leaseLost', ({ stream }) => lost.push(stream));
    for (let round = 0; round < 4; round += 1) {
      await stage.everywhere((redis) => redis.call('CLIENT', 'KILL', 'TYPE', 'normal'));
      await whileHung(node, async () => {
        // A lease is renewed every third of its length.
        expect(await longestIdle(healthy, LEASE_MS)).toBeLessThan(LEASE_MS / 3 + RECONNECTED_MS);
      });
      await eventually(async () => expect(await longestIdle(EVENTS, 100)).toBeLessThan(LEASE_MS / 2));
    }
    gate.resolve();
    expect(lost.filter((stream) => healthy.includes(String(stream)))).toEqual([]);
  }, 60_000);
});
