import { lastValueFrom } from 'rxjs';
import type { ClientProxy } from '@nestjs/microservices';
import { hashSlot } from '../../lib/topology/keys.js';
import { nodeOf, connectionTo } from '../../lib/redis/nodes.js';
import { ask, failureOf, tell } from '../support/calls.js';
import { eventually, outcomeOf, within } from '../support/eventually.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { RedisCluster } from '../support/redis-cluster.js';
import { useStage } from '../support/stage.js';
import { callsOf, entriesOf } from '../support/stream-view.js';
import type { RedisClient, RedisStreamClient } from 'nestjs-redis-stream-transport';

const PLACES = ['birch', 'cedar', 'elder', 'maple', 'oak', 'rowan'];
const STREAMS = PLACES.map((place) => `event.${place}`);

const stage = useStage();
let cluster: RedisCluster;

beforeAll(async () => {
  cluster = await RedisCluster.start();
}, 30_000);
afterAll(() => cluster.stop());
afterEach(async () => {
  for (const key of STREAMS) await cluster.observerOf(key).flushall();
});

const client = (option = {}): RedisStreamClient => stage.client(option, cluster.connection);
const emit = (to: ClientProxy, stream: string, value: unknown): Promise<unknown> =>
  outcomeOf(lastValueFrom(to.emit(stream, value), { defaultValue: true }));

async function stored(stream: string): Promise<number[]> {
  return (await entriesOf(cluster.observerOf(stream), stream)).map(({ fields }) => Number(fields['data']));
}

describe('publishing to a Redis Cluster', () => {
  it('finds the node that has a key, and the connection to it', async () => {
    const publisher = client();
    await Promise.all(STREAMS.map((stream) => tell(publisher, stream, 0)));
    const [redis] = publisher.unwrap<[RedisClient]>();
    for (const stream of STREAMS) {
      const { port } = cluster.processOf(stream);
      const node = nodeOf(redis, hashSlot(stream));
      expect(node).toBe(`127.0.0.1:${port}`);
      expect(connectionTo(redis, node)?.options.port).toBe(port);
    }
    expect(nodeOf(stage.raw, hashSlot('anything'))).toBe('');
    expect(connectionTo(stage.raw, '')).toBe(stage.raw);
  });

  it('stores events of one turn in the order of the calls, each stream on its node, with few commands', async () => {
    for (const stream of STREAMS) await cluster.observerOf(stream).script('FLUSH');
    const publisher = client();
    const calls: Promise<unknown>[] = [];
    for (let n = 0; n < 300; n += 1) for (const stream of STREAMS) calls.push(emit(publisher, stream, n));
    for (const outcome of await Promise.all(calls)) expect(outcome).not.toHaveProperty('error');
    for (const stream of STREAMS) expect(await stored(stream)).toEqual(Array.from({ length: 300 }, (_, n) => n));
    const scripts = await Promise.all(STREAMS.map((stream) => callsOf(cluster.observerOf(stream), 'evalsha')));
    expect(Math.max(...scripts)).toBeLessThan(20);
  });

  it('continues on the other nodes while one node is frozen', async () => {
    const frozen = cluster.processOf(STREAMS[0] as string);
    const others = STREAMS.filter((stream) => cluster.processOf(stream) !== frozen);
    const publisher = client({ publishTimeout: 1_500 });
    await Promise.all(STREAMS.map((stream) => tell(publisher, stream, -1)));
    frozen.pause();
    stage.owns(() => frozen.resume());
    const lost = Array.from({ length: 300 }, (_, n) => emit(publisher, STREAMS[0] as string, n));
    for (let round = 0; round < 20; round += 1) {
      const started = performance.now();
      const calls = others.flatMap((stream) => Array.from({ length: 20 }, (_, n) => emit(publisher, stream, n)));
      for (const outcome of await Promise.all(calls)) expect(outcome).not.toHaveProperty('error');
      expect(performance.now() - started).toBeLessThan(500);
    }
    const outcomes = await within(4_000, 'the failures', Promise.all(lost));
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ error: { code: expect.stringMatching(/UNKNOWN|UNAVAILABLE/) as string } });
    }
    frozen.resume();
    await eventually(() => tell(publisher, STREAMS[0] as string, 0), { within: 15_000 });
  }, 40_000);

  it('cancels a request on the node of its stream', async () => {
    const stream = STREAMS[1] as string;
    const observer = cluster.observerOf(stream);
    await observer.xgroup('CREATE', stream, 'service', '0', 'MKSTREAM');
    const heard: string[] = [];
    const subscriber = observer.duplicate({ connectionName: 'test-observer' });
    stage.owns(() => subscriber.disconnect());
    subscriber.on('message', (_channel: string, text: string) => heard.push(text));
    await subscriber.subscribe('ctl');
    const call = client().send(stream, 1).subscribe();
    await eventually(async () => expect(await observer.xlen(stream)).toBe(1));
    await observer.xreadgroup('GROUP', 'service', 'somebody', 'COUNT', 1, 'STREAMS', stream, '>');
    call.unsubscribe();
    await eventually(() => expect(heard).toEqual([expect.stringContaining('"kind":"cancel"')]));
    expect(await observer.xlen(stream)).toBe(0);
  });

  it('writes events of the turn of close(), on all nodes', async () => {
    const publisher = client();
    for (let n = 0; n < 100; n += 1) for (const stream of STREAMS) publisher.emit(stream, n);
    await publisher.close();
    for (const stream of STREAMS) expect(await cluster.observerOf(stream).xlen(stream)).toBe(100);
  });

  it('fails a request within half of a short timeout when no group reads its stream', async () => {
    const caller = client({ requestTimeout: 600 });
    await caller.connect();
    expect(await failureOf(ask(caller, STREAMS[2] as string, 1))).toMatch(/no matching message handler/);
  });

  it('connects over a link that is slower than the first time limit for an answer', async () => {
    const proxies = await Promise.all(
      cluster.connection.nodes.map(async (node) => ({ node, proxy: await FaultProxy.to(node) })),
    );
    for (const { proxy } of proxies) {
      stage.owns(() => proxy.close());
      proxy.set({ kind: 'delay', ms: 350 });
    }
    const natMap = Object.fromEntries(
      proxies.map(({ node, proxy }) => [`${node.host}:${node.port}`, { host: proxy.host, port: proxy.port }]),
    );
    const nodes = proxies.map(({ proxy: { host, port } }) => ({ host, port }));
    const publisher = stage.client({ connectTimeout: 15_000 }, { nodes, options: { natMap } });
    await publisher.connect();
    await tell(publisher, STREAMS[0], 1);
    expect(await stored(STREAMS[0] as string)).toEqual([1]);
  }, 30_000);
});
