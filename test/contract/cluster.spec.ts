import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { RedisStreamContext, RedisStreamDeadLetters } from 'nestjs-redis-stream-transport';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { from } from 'rxjs';
import { ask, askAll, failureOf, tell } from '../support/calls.js';
import { eventually } from '../support/eventually.js';
import { connectedClients } from '../support/leak-check.js';
import { RedisCluster } from '../support/redis-cluster.js';
import { useStage } from '../support/stage.js';
import type { Service } from '../support/stage.js';
import { entriesOf, infoOf, settled } from '../support/stream-view.js';

const PLACES = ['birch', 'cedar', 'elder', 'maple', 'oak', 'rowan'];
const EVENTS = PLACES.map((place) => `event.${place}`);
const REQUESTS = PLACES.map((place) => `request.${place}`);
const QUICK = { lease: 500, sweepInterval: 100, block: 500, backoff: { delay: 10, maxDelay: 20 } };

const stage = useStage();
let cluster: RedisCluster;
let handled: { stream: string; data: unknown; attempt: number }[] = [];
let isBroken = false;

@Controller()
class Anywhere {
  @EventPattern<string[]>(EVENTS)
  event(@Payload() data: unknown, @Ctx() ctx: RedisStreamContext): void {
    if (isBroken) throw new Error('not now');
    handled.push({ stream: ctx.getStream(), data, attempt: ctx.getAttempt() });
  }

  @MessagePattern(REQUESTS)
  request(@Payload() data: unknown, @Ctx() ctx: RedisStreamContext): unknown {
    return { data, stream: ctx.getStream() };
  }

  @MessagePattern('parts')
  parts(@Payload() amount: number): unknown {
    return from(Array.from({ length: amount }, (_, n) => n));
  }
}

beforeAll(async () => {
  cluster = await RedisCluster.start();
}, 30_000);
afterAll(() => cluster.stop());
beforeEach(() => {
  handled = [];
  isBroken = false;
});
afterEach(async () => {
  for (const key of [...EVENTS, ...REQUESTS, 'parts']) await cluster.observerOf(key).flushall();
});

const serve = (option = {}): Promise<Service> =>
  stage.serve([Anywhere], { connection: cluster.connection, option: { ...QUICK, ...option } });
const client = (option = {}): ReturnType<typeof stage.client> => stage.client(option, cluster.connection);
const whenSettled = (streams: readonly string[]): Promise<void[]> =>
  Promise.all(streams.map((stream) => settled(cluster.observerOf(stream), stream)));

/** Ids of the connections of publishers to the node that has a key. */
async function publisherAt(key: string): Promise<string[]> {
  const lines = await connectedClients(cluster.observerOf(key));
  return lines
    .filter((line) => line.includes('name=nestjs-redis-stream:publisher'))
    .map((line) => line.split(' ')[0] ?? '');
}

describe('a Redis Cluster', () => {
  it('has the streams of this file on all of its nodes', () => {
    for (const streams of [EVENTS, REQUESTS]) {
      expect(new Set(streams.map((stream) => cluster.processOf(stream).port)).size).toBe(3);
    }
  });

  it('handles requests and events whose streams are in different slots, and keeps no request', async () => {
    await serve();
    const caller = client();
    const calls = REQUESTS.flatMap((stream) => [1, 2, 3].map((data) => ({ stream, data })));
    await expect(Promise.all(calls.map(({ stream, data }) => ask(caller, stream, data)))).resolves.toEqual(calls);
    await Promise.all(EVENTS.flatMap((stream) => [1, 2].map((data) => tell(caller, stream, data))));
    await whenSettled([...REQUESTS, ...EVENTS]);
    expect(handled).toHaveLength(12);
    expect(new Set(handled.map(({ stream, data }) => `${stream} ${String(data)}`)).size).toBe(12);
    for (const stream of REQUESTS) expect(await cluster.observerOf(stream).xlen(stream)).toBe(0);
  });

  it('keeps the order of a streamed reply', async () => {
    await serve();
    await expect(askAll(client(), 'parts', 500)).resolves.toEqual(Array.from({ length: 500 }, (_, n) => n));
  });

  it('keeps dead letters in the slot of their stream, where they can be redriven', async () => {
    await serve({ maxAttempts: 2 });
    isBroken = true;
    await Promise.all(EVENTS.map((stream) => tell(client(), stream, 'again')));
    await eventually(async () => {
      for (const stream of EVENTS) expect(await cluster.observerOf(stream).xlen(`{${stream}}:dead`)).toBe(1);
    });
    isBroken = false;
    const letters = new RedisStreamDeadLetters({ connection: cluster.connection });
    stage.owns(() => letters.close());
    for (const stream of EVENTS) expect(await letters.redriveAll(stream)).toBe(1);
    await eventually(() => expect(handled).toHaveLength(EVENTS.length));
    await whenSettled(EVENTS);
    expect(handled.map(({ stream }) => stream).toSorted()).toEqual(EVENTS);
  });

  it('lets an instance take over the entries that a dead one left on each node', async () => {
    for (const stream of EVENTS) {
      const observer = cluster.observerOf(stream);
      await observer.xgroup('CREATE', stream, 'service', '0', 'MKSTREAM');
      await tell(client(), stream, 'left behind');
      await observer.xreadgroup('GROUP', 'service', 'ghost', 'COUNT', 1, 'STREAMS', stream, '>');
    }
    await serve();
    await whenSettled(EVENTS);
    expect(handled.map(({ stream, attempt }) => `${stream} ${attempt}`).toSorted()).toEqual(
      EVENTS.map((stream) => `${stream} 2`),
    );
  });

  it('keeps neither a consumer nor pending entries of a stopped server', async () => {
    const service = await serve();
    await Promise.all(EVENTS.map((stream) => tell(client(), stream, 1)));
    await whenSettled(EVENTS);
    await service.close();
    for (const stream of EVENTS)
      expect(await infoOf(cluster.observerOf(stream), 'CONSUMERS', stream, 'service')).toEqual([]);
  });

  it('loses no message in flight to a node that has given up a slot', async () => {
    const moved = 'event.moved';
    const beside = 'event.maple';
    expect(cluster.processOf(beside)).toBe(cluster.processOf(moved));
    const caller = client();
    await tell(caller, beside, 'first');
    const connection = await publisherAt(beside);
    await cluster.moveSlotOf(moved);
    const calls: Promise<void>[] = [];
    for (let n = 0; n < 300; n += 1) {
      calls.push(tell(caller, n === 50 ? moved : beside, n));
      await nextTurn();
    }
    await expect(Promise.all(calls)).resolves.toHaveLength(300);
    expect(await cluster.observerOf(beside).xlen(beside)).toBe(300);
    expect(await publisherAt(beside)).toEqual(connection);
  });

  it('with one node down fails the streams of that node in time and with a reason, serves the others, and recovers', async () => {
    const lost = EVENTS[0] as string;
    const server = cluster.processOf(lost);
    const others = EVENTS.filter((stream) => cluster.processOf(stream) !== server);
    await serve();
    const caller = client({ publishTimeout: 1_000 });
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
    await eventually(() => expect(handled).toContainEqual(expect.objectContaining({ stream: lost, data: 'after' })), {
      within: 15_000,
    });
    await whenSettled(EVENTS);
    expect((await entriesOf(cluster.observerOf(lost), lost)).at(-1)?.fields['data']).toBe('"after"');
  }, 60_000);
});
