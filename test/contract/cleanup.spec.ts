import { Controller, Inject, Injectable } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ClientsModule, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import type { RedisOptions } from 'ioredis';
import { RedisStreamClient, RedisStreamServer, TransportClosedError } from 'nestjs-redis-stream-transport';
import { ask, failureOf, tell } from '../support/calls.js';
import { deferred } from '../support/deferred.js';
import { eventually, within } from '../support/eventually.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { expectNoClients, expectNoReplyKeys } from '../support/leak-check.js';
import { rootModule } from '../support/nest-app.js';
import { useStage } from '../support/stage.js';
import { infoOf, pendingOf, settled } from '../support/stream-view.js';
import { WatchedRedis } from '../support/watched-redis.js';

let gate = deferred();
// Runs before the hook of the stage, which waits for running handlers.
afterEach(() => gate.resolve());

const stage = useStage();
const seen: unknown[] = [];

@Controller()
class Handlers {
  @MessagePattern('echo')
  echo(@Payload() data: unknown): unknown {
    return data;
  }

  @MessagePattern('gated')
  async gated(@Payload() data: unknown): Promise<unknown> {
    seen.push(data);
    await gate.promise;
    return data;
  }

  @EventPattern('event')
  async event(@Payload() data: unknown): Promise<void> {
    seen.push(data);
    if (data === 'slow') await gate.promise;
    if (data === 'fails once' && seen.length === 1) throw new Error('once');
  }
}

beforeEach(() => {
  gate = deferred();
  seen.length = 0;
});

describe('cleaning up', () => {
  it('leaves nothing in the stream, nothing pending and a short inbox after 2,000 requests', async () => {
    await stage.serve([Handlers]);
    const client = stage.client();
    const numbers = Array.from({ length: 2_000 }, (_, n) => n);
    await expect(Promise.all(numbers.map((n) => ask(client, 'echo', n)))).resolves.toEqual(numbers);
    await eventually(async () => expect(await stage.raw.xlen('echo')).toBe(0));
    expect(await pendingOf(stage.raw, 'echo')).toBe(0);
    const [inbox] = await stage.raw.keys('*reply:*');
    await eventually(async () => expect(await stage.raw.xlen(String(inbox))).toBeLessThan(500));
  });

  it('leaves no replies in the inboxes of other clients: each client has its own stream, without a group', async () => {
    await stage.serve([Handlers]);
    const idle = [stage.client(), stage.client()];
    for (const client of idle) await ask(client, 'echo', 'hello');
    const before = new Set(await stage.raw.keys('*reply:*'));
    expect(before.size).toBe(2);
    const lengths = new Map<string, unknown>();
    for (const key of before) lengths.set(key, await lastId(key));
    const busy = stage.client();
    await Promise.all(Array.from({ length: 100 }, (_, n) => ask(busy, 'echo', n)));
    const after = await stage.raw.keys('*reply:*');
    expect(after).toHaveLength(3);
    for (const key of after) expect(await infoOf(stage.raw, 'GROUPS', key)).toEqual([]);
    for (const key of before) expect(await lastId(key)).toEqual(lengths.get(key));
  });

  it('lets the inbox of a client that died expire, and no server creates it again', async () => {
    const dropped: unknown[] = [];
    const { server } = await stage.serve([Handlers]);
    server.on('replyDropped', (fact) => dropped.push(fact));
    const sockets: WatchedRedis[] = [];
    const client = stage.client({}, (options: RedisOptions) => {
      const socket = new WatchedRedis({ ...options, ...stage.connection });
      sockets.push(socket);
      return socket;
    });
    const call = failureOf(ask(client, 'gated', 1));
    await eventually(() => expect(seen).toEqual([1]));
    const [inbox] = await stage.raw.keys('*reply:*');
    const ttl = await stage.raw.pttl(String(inbox));
    expect(ttl).toBeGreaterThan(0);
    expect(ttl).toBeLessThanOrEqual(300_000);
    for (const socket of sockets) socket.disconnect();
    await stage.raw.del(String(inbox));
    gate.resolve();
    await eventually(async () => expect(await stage.raw.xlen('gated')).toBe(0));
    expect(await stage.raw.exists(String(inbox))).toBe(0);
    await eventually(() => expect(dropped).toHaveLength(1));
    await client.close();
    expect(await call).toBeInstanceOf(TransportClosedError);
  });

  it('leaves no permanent inbox when a client closes while it creates the inbox', async () => {
    const proxy = await FaultProxy.to(stage.redis);
    stage.owns(() => proxy.close());
    const client = stage.client({}, { host: proxy.host, port: proxy.port });
    proxy.set({ kind: 'delay', ms: 20 });
    const connecting = failureOf(client.connect()).catch(() => undefined);
    const [inbox] = await eventually(
      async () => {
        const keys = await stage.raw.keys('*reply:*');
        expect(keys).toHaveLength(1);
        return keys;
      },
      { every: 1 },
    );
    await client.close();
    await connecting;
    const ttl = await stage.raw.pttl(String(inbox));
    await stage.raw.del(String(inbox));
    // -2: it does not exist any more. -1: it never expires.
    expect(ttl).not.toBe(-1);
  });

  it('leaves nothing after app.close() of an application that registered its client with ClientsModule', async () => {
    await stage.serve([Handlers]);
    const clients = ClientsModule.register([
      { name: 'CLIENT', customClass: RedisStreamClient, options: { connection: stage.connection } },
    ]);

    @Injectable()
    class Caller {
      constructor(@Inject('CLIENT') readonly client: RedisStreamClient) {}
    }
    const app = await NestFactory.createApplicationContext(rootModule({ providers: [Caller], imports: [clients] }), {
      logger: stage.log,
      abortOnError: false,
    });
    await expect(ask(app.get(Caller).client, 'echo', 'x')).resolves.toBe('x');
    expect(await stage.raw.keys('*reply:*')).toHaveLength(1);
    await app.close();
    await expectNoReplyKeys(stage.raw);
    const list = String(await stage.raw.call('CLIENT', 'LIST'));
    expect(list).not.toMatch(/name=\S*(publisher|inbox)/);
  });

  it('leaves no consumers and no connections of stopped services, and keeps the group', async () => {
    for (let round = 0; round < 20; round += 1) {
      const service = await stage.serve([Handlers]);
      await tell(stage.client(), 'event', round);
      await eventually(() => expect(seen).toContain(round));
      await service.close();
    }
    expect(await infoOf(stage.raw, 'CONSUMERS', 'event', 'service')).toEqual([]);
    expect((await infoOf(stage.raw, 'GROUPS', 'event')).map(({ name }) => name)).toEqual(['service']);
  });
});

describe('close()', () => {
  it('works twice, before listen, while connecting and without Redis, and leaves no open handle', async () => {
    const twice = await stage.serve([Handlers]);
    await Promise.all([twice.server.close(), twice.server.close()]);
    await twice.server.close();
    const early = await stage.prepare([Handlers]);
    await early.server.close();
    const hasty = await stage.prepare([Handlers]);
    await hasty.app.init();
    const listening = new Promise((resolve) => hasty.server.listen(resolve));
    await within(2_000, 'close() while connecting', Promise.resolve(hasty.server.close()));
    await within(2_000, 'the end of listen()', listening);
    const absent = new RedisStreamServer({
      connection: { host: '127.0.0.1', port: 1 },
      option: { consumerGroup: 'g', connectTimeout: 0 },
    });
    const refused = new Promise((resolve) => absent.listen(resolve));
    await within(2_000, 'close() without Redis', Promise.resolve(absent.close()));
    await within(2_000, 'the end of listen()', refused);
    await expectNoClients(stage.raw);
  });

  it('of a client works twice, before connect, while connecting and without Redis', async () => {
    const unused = stage.client();
    await unused.close();
    const twice = stage.client();
    await twice.connect();
    await Promise.all([twice.close(), twice.close()]);
    const hasty = stage.client();
    const connecting = failureOf(hasty.connect()).catch(() => undefined);
    await within(2_000, 'close() while connecting', Promise.resolve(hasty.close()));
    await within(2_000, 'the end of connect()', connecting);
    const absent = stage.client({ connectTimeout: 0 }, { host: '127.0.0.1', port: 1 });
    const refused = failureOf(absent.connect());
    const call = failureOf(ask(absent, 'echo', 1));
    await within(2_000, 'close() without Redis', Promise.resolve(absent.close()));
    expect(await within(1_000, 'the rejection', refused)).toBeInstanceOf(TransportClosedError);
    expect(await within(1_000, 'the rejection', call)).toBeInstanceOf(TransportClosedError);
    await expectNoClients(stage.raw);
  });

  it('of an idle service ends its blocked read at once, and the next event goes to a live instance', async () => {
    const idle = await stage.serve([Handlers], { option: { block: 5_000 } });
    const started = performance.now();
    await idle.close();
    expect(performance.now() - started).toBeLessThan(1_000);
    await tell(stage.client(), 'event', 'next');
    await stage.serve([Handlers]);
    await eventually(() => expect(seen).toEqual(['next']));
    await settled(stage.raw, 'event');
  });

  it('lets running handlers finish, settles them, and accepts nothing new', async () => {
    const { close } = await stage.serve([Handlers], { option: { concurrency: 2 } });
    const client = stage.client();
    await tell(client, 'event', 'slow');
    const answer = ask(client, 'gated', 'answered');
    await eventually(() => expect(seen).toHaveLength(2));
    await tell(client, 'event', 'not mine');
    const closing = close();
    gate.resolve();
    await within(5_000, 'close()', closing);
    await expect(answer).resolves.toBe('answered');
    expect(seen.map(String).sort()).toEqual(['answered', 'slow']);
    expect(await pendingOf(stage.raw, 'event')).toBe(0);
    await stage.serve([Handlers]);
    await eventually(() => expect(seen).toContain('not mine'));
  });

  it('gives up at shutdownTimeout and leaves running entries to others, after their lease', async () => {
    const { close } = await stage.serve([Handlers], { option: { shutdownTimeout: 100, lease: 500 } });
    await tell(stage.client(), 'event', 'slow');
    await eventually(() => expect(seen).toEqual(['slow']));
    const started = performance.now();
    await close();
    expect(performance.now() - started).toBeLessThan(2_000);
    expect(await pendingOf(stage.raw, 'event')).toBe(1);
    gate.resolve();
    await stage.serve([Handlers], { option: { lease: 500, sweepInterval: 100 } });
    await eventually(() => expect(seen).toEqual(['slow', 'slow']));
    await settled(stage.raw, 'event');
  });

  it('hands back entries that wait for a retry: the next instance takes them at once, whatever the lease', async () => {
    const patient = { backoff: { delay: 60_000, maxDelay: 60_000 } };
    const { close } = await stage.serve([Handlers], { option: patient });
    await tell(stage.client(), 'event', 'fails once');
    await eventually(() => expect(seen).toEqual(['fails once']));
    await close();
    await stage.serve([Handlers], { option: { sweepInterval: 100 } });
    await eventually(() => expect(seen).toEqual(['fails once', 'fails once']));
    await settled(stage.raw, 'event');
  });
});

async function lastId(stream: string): Promise<unknown> {
  const info = (await stage.raw.xinfo('STREAM', stream)) as unknown[];
  return info[info.indexOf('last-generated-id') + 1];
}
