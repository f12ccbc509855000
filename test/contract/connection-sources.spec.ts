import { Controller } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { Redis } from 'ioredis';
import { PublishOutcomeUnknownError, RedisStreamClient, RedisStreamOptionError } from 'nestjs-redis-stream-transport';
import { failureOf, tell } from '../support/calls.js';
import { eventually } from '../support/eventually.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { useStage } from '../support/stage.js';

const stage = useStage();

@Controller()
class Listening {
  @EventPattern('told')
  told(@Payload() _data: unknown): void {}
}

describe('a URL', () => {
  it.each(['', '?maxRetriesPerRequest=20&enableOfflineQueue=true'])(
    'with the query "%s" sends nothing twice',
    async (query) => {
      const proxy = await FaultProxy.to(stage.redis);
      stage.owns(() => proxy.close());
      const client = stage.client({}, `redis://${proxy.host}:${proxy.port}${query}`);
      await client.connect();
      proxy.set({ kind: 'swallowReplies' });
      const outcome = failureOf(tell(client, 'told', 1));
      await eventually(async () => expect(await stage.raw.xlen('told')).toBe(1));
      proxy.heal();
      proxy.rst();
      expect(await outcome).toBeInstanceOf(PublishOutcomeUnknownError);
      await tell(client, 'told', 2);
      expect(await stage.raw.xlen('told')).toBe(2);
    },
  );

  it('keeps the other options of its query', async () => {
    const client = stage.client({}, `redis://${stage.redis.host}:${stage.redis.port}?db=3&maxRetriesPerRequest=20`);
    await tell(client, 'told', 1);
    const other = stage.redis.client({ db: 3 });
    expect([await stage.raw.xlen('told'), await other.xlen('told')]).toEqual([0, 1]);
    await other.flushdb();
    other.disconnect();
  });
});

describe('a factory that returns one client for all roles', () => {
  const shared = (): (() => Redis) => {
    const client = new Redis({ ...stage.connection, lazyConnect: true });
    stage.owns(() => client.disconnect());
    return () => client;
  };

  it('is refused by a client, since its reads would block its writes', async () => {
    const client = new RedisStreamClient({ connection: shared() });
    for (const call of [tell(client, 'told', 1), client.connect(), tell(client, 'told', 2)]) {
      const error = await failureOf(call);
      expect(error).toBeInstanceOf(RedisStreamOptionError);
      expect((error as Error).message).toContain('a factory that creates a new client for each call');
    }
    await client.close();
  });

  it('is refused by a server', async () => {
    const { app } = await stage.prepare([Listening], { connection: shared() });
    expect(await failureOf(app.listen())).toBeInstanceOf(RedisStreamOptionError);
  });
});
