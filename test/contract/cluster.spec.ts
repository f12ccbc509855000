import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { RedisStreamContext } from 'nestjs-redis-stream-transport';
import type { RedisClient } from 'nestjs-redis-stream-transport';
import { Redis } from 'ioredis';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { connectionTo, nodeOf } from '../../lib/redis/nodes.js';
import { hashSlot } from '../../lib/topology/keys.js';
import { failureOf, tell } from '../support/calls.js';
import { eventually, outcomeOf, within } from '../support/eventually.js';
import { connectedClients } from '../support/leak-check.js';
import { RedisCluster } from '../support/redis-cluster.js';
import { useTarget } from '../support/stage.js';
import { entriesOf, settled } from '../support/stream-view.js';

const EVENTS = ['birch', 'cedar', 'elder', 'maple', 'oak', 'rowan'].map((place) => `event.${place}`);
const QUICK = { lease: 500, sweepInterval: 100, block: 500, backoff: { delay: 10, maxDelay: 20 } };

const stage = useTarget(() => RedisCluster.start(3));
let handled: { stream: string; data: unknown }[] = [];

@Controller()
class Anywhere {
  @EventPattern<string[]>(EVENTS)
  event(@Payload() data: unknown, @Ctx() ctx: RedisStreamContext): void {
    handled.push({ stream: ctx.getStream(), data });
  }
}

beforeEach(() => {
  handled = [];
});

const whenSettled = (streams: readonly string[]): Promise<void[]> =>
  Promise.all(streams.map((stream) => settled(stage.at(stream), stream)));

/** Ids of the connections of publishers to the node that has a key. */
async function publisherAt(key: string): Promise<string[]> {
  const lines = await connectedClients(stage.at(key));
  return lines
    .filter((line) => line.includes('name=nestjs-redis-stream:publisher'))
    .map((line) => line.split(' ')[0] ?? '');
}

describe('a client of a Redis Cluster', () => {
  it('finds the node that has a key, and the connection to it', async () => {
    const publisher = stage.client();
    await Promise.all(EVENTS.map((stream) => tell(publisher, stream, 0)));
    const [redis] = publisher.unwrap<[RedisClient]>();
    for (const stream of EVENTS) {
      const { port } = stage.target.processOf(stream);
      const node = nodeOf(redis, hashSlot(stream));
      expect(node).toBe(`127.0.0.1:${port}`);
      expect(connectionTo(redis, node)?.options.port).toBe(port);
    }
    const standalone = stage.at('anything');
    expect(standalone).toBeInstanceOf(Redis);
    expect(nodeOf(standalone, hashSlot('anything'))).toBe('');
    expect(connectionTo(standalone, '')).toBe(standalone);
  });

  it('connects over a link that is slower than the first time limit for an answer', async () => {
    const proxy = await stage.proxied();
    proxy.set({ kind: 'delay', ms: 350 });
    const publisher = stage.client({ connectTimeout: 15_000 }, proxy.connection);
    await publisher.connect();
    const [stream = ''] = EVENTS;
    await tell(publisher, stream, 1);
    expect((await entriesOf(stage.at(stream), stream)).map(({ fields }) => fields['data'])).toEqual(['1']);
    // Over a slow link, a client that closes may leave its reply stream until it expires.
    proxy.heal();
  }, 30_000);

  it('loses no message in flight to a node that has given up a slot', async () => {
    const moved = 'event.moved';
    const beside = 'event.maple';
    expect(stage.target.processOf(beside)).toBe(stage.target.processOf(moved));
    const caller = stage.client();
    await tell(caller, beside, 'first');
    const connection = await publisherAt(beside);
    await stage.target.moveSlotOf(moved);
    const calls: Promise<void>[] = [];
    for (let n = 0; n < 300; n += 1) {
      calls.push(tell(caller, n === 50 ? moved : beside, n));
      await nextTurn();
    }
    await expect(Promise.all(calls)).resolves.toHaveLength(300);
    expect(await stage.at(beside).xlen(beside)).toBe(300);
    expect(await publisherAt(beside)).toEqual(connection);
  });

  it('continues on the other nodes while one node is frozen', async () => {
    const [stream = ''] = EVENTS;
    const frozen = stage.target.processOf(stream);
    const others = EVENTS.filter((each) => stage.target.processOf(each) !== frozen);
    const publisher = stage.client({ publishTimeout: 1_500 });
    await Promise.all(EVENTS.map((each) => tell(publisher, each, -1)));
    frozen.pause();
    stage.owns(() => frozen.resume());
    const lost = Array.from({ length: 300 }, (_, n) => outcomeOf(tell(publisher, stream, n)));
    for (let round = 0; round < 20; round += 1) {
      const started = performance.now();
      const calls = others.flatMap((each) => Array.from({ length: 20 }, (_, n) => outcomeOf(tell(publisher, each, n))));
      for (const outcome of await Promise.all(calls)) expect(outcome).not.toHaveProperty('error');
      expect(performance.now() - started).toBeLessThan(500);
    }
    const outcomes = await within(4_000, 'the failures', Promise.all(lost));
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ error: { code: expect.stringMatching(/UNKNOWN|UNAVAILABLE/) as string } });
    }
    frozen.resume();
    await eventually(() => tell(publisher, stream, 0), { within: 15_000 });
  }, 40_000);
});

describe('a Redis Cluster with one node down', () => {
  it('fails the streams of that node in time and with a reason, serves the others, and recovers', async () => {
    const lost = EVENTS[0] as string;
    const server = stage.target.processOf(lost);
    const others = EVENTS.filter((stream) => stage.target.processOf(stream) !== server);
    await stage.serve([Anywhere], { option: QUICK });
    const caller = stage.client({ publishTimeout: 1_000 });
    await Promise.all(EVENTS.map((stream) => tell(caller, stream, 'before')));
    await whenSettled(EVENTS);
    handled = [];
    stage.owns(() => (server.isRunning ? undefined : server.restart()));
    await server.kill();
    const failures = await Promise.all(
      EVENTS.filter((stream) => !others.includes(stream)).map((stream) => failureOf(tell(caller, stream, 'lost'))),
    );
    for (const failure of failures) {
      expect(failure).toMatchObject({ code: expect.stringMatching(/^(PUBLISH_|TRANSPORT_)/) as string });
    }
    await Promise.all(others.map((stream) => tell(caller, stream, 'meanwhile')));
    await eventually(() => expect(handled.map(({ stream }) => stream).toSorted()).toEqual(others));
    await server.restart();
    await eventually(() => tell(caller, lost, 'after'), { within: 15_000 });
    await eventually(() => expect(handled).toContainEqual({ stream: lost, data: 'after' }), { within: 15_000 });
    await whenSettled(EVENTS);
    expect((await entriesOf(stage.at(lost), lost)).at(-1)?.fields['data']).toBe('"after"');
  }, 60_000);
});
