import { Controller, Inject, Injectable } from '@nestjs/common';
import type { OnModuleInit, Type } from '@nestjs/common';
import { ClientsModule, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { jest } from '@jest/globals';
import { Redis } from 'ioredis';
import type { RedisOptions } from 'ioredis';
import { REDIS_STREAM_TRANSPORT, RedisStreamClient, TransportUnavailableError } from 'nestjs-redis-stream-transport';
import type { RedisClient } from 'nestjs-redis-stream-transport';
import { freePort } from '../../scripts/free-port.js';
import { ask, failureOf, tell } from '../support/calls.js';
import { eventually, outcomeOf, within } from '../support/eventually.js';
import { useStage } from '../support/stage.js';
import { infoOf } from '../support/stream-view.js';

const stage = useStage();
const heard: unknown[] = [];

@Controller()
class Echo {
  @MessagePattern('echo')
  echo(@Payload() data: unknown): unknown {
    return data;
  }

  @EventPattern('told')
  told(@Payload() data: unknown): void {
    heard.push(data);
  }
}

function echoOf(pattern: string): Type {
  @Controller()
  class Fresh {
    @MessagePattern(pattern)
    echo(@Payload() data: unknown): unknown {
      return data;
    }
  }
  return Fresh;
}

beforeEach(() => {
  heard.length = 0;
});

describe('booting a service', () => {
  it('answers requests and handles events as a Nest microservice with plain decorators', async () => {
    await stage.serve([Echo]);
    const client = stage.client();
    await expect(ask(client, 'echo', { a: 1 })).resolves.toEqual({ a: 1 });
    await tell(client, 'told', { b: 2 });
    await eventually(() => expect(heard).toEqual([{ b: 2 }]));
  });

  it('reports ready once, after its groups exist and its reader reads', async () => {
    const { app, server } = await stage.prepare([Echo]);
    await app.init();
    const ready = jest.fn();
    await new Promise<void>((resolve, reject) => {
      void server.listen((error?: unknown) => {
        ready(error);
        if (error instanceof Error) reject(error);
        else resolve();
      });
    });
    expect((await infoOf(stage.raw, 'GROUPS', 'echo')).map(({ name }) => name)).toEqual(['service']);
    expect((await infoOf(stage.raw, 'GROUPS', 'told')).map(({ name }) => name)).toEqual(['service']);
    await stage.untilReading();
    await stage.killConnections();
    await expect(ask(stage.client(), 'echo', 'still here')).resolves.toBe('still here');
    expect(ready).toHaveBeenCalledTimes(1);
    expect(ready).toHaveBeenCalledWith(undefined);
  });

  it('rejects after connectTimeout when there is no Redis, and prints nothing to the console', async () => {
    const printed = jest.spyOn(console, 'error').mockImplementation(() => undefined);
    const connection = { host: '127.0.0.1', port: await freePort(), password: 'open-sesame' };
    const { app } = await stage.prepare([Echo], { connection, option: { connectTimeout: 300 } });
    const error = await failureOf(within(3_000, 'the refusal', app.listen()));
    expect(error).toBeInstanceOf(TransportUnavailableError);
    expect(String(error)).not.toContain('open-sesame');
    expect(stage.log.text()).not.toContain('open-sesame');
    await app.close();
    // ioredis prints "Unhandled error event" for an instance without an error listener.
    expect(printed).not.toHaveBeenCalled();
    printed.mockRestore();
  });

  it('waits for Redis when connectTimeout is 0', async () => {
    await stage.redis.kill();
    const { app, server } = await stage.prepare([Echo], { option: { connectTimeout: 0 } });
    let ready = false;
    let tries = 0;
    server.on('reconnecting', () => (tries += 1));
    const listening = app.listen().then(() => (ready = true));
    await eventually(() => expect(tries).toBeGreaterThan(2));
    expect(ready).toBe(false);
    await stage.redis.restart();
    await within(10_000, 'listen()', listening);
    await expect(ask(stage.client(), 'echo', 1)).resolves.toBe(1);
  });

  it('connects later with the same client when the first attempt found no Redis', async () => {
    await stage.redis.kill();
    const client = stage.client({ connectTimeout: 200, publishTimeout: 200 });
    expect(await failureOf(client.connect())).toBeInstanceOf(TransportUnavailableError);
    await failureOf(ask(client, 'echo', 1));
    await stage.redis.restart();
    await stage.serve([Echo]);
    await eventually(() => expect(ask(client, 'echo', 2)).resolves.toBe(2));
  });

  it('answers the first request right after listen() on each of 20 new patterns', async () => {
    const client = stage.client();
    for (let round = 0; round < 20; round += 1) {
      const service = await stage.serve([echoOf(`fresh.${round}`)]);
      await expect(ask(client, `fresh.${round}`, round)).resolves.toBe(round);
      await service.close();
    }
  });

  it('never loses the reply to the first request of a new client', async () => {
    await stage.serve([Echo]);
    const answers = Array.from({ length: 20 }, (_, round) => ask(stage.client(), 'echo', round));
    await expect(Promise.all(answers)).resolves.toEqual(Array.from({ length: 20 }, (_, round) => round));
  });

  it('answers a request that is sent in onModuleInit', async () => {
    await stage.serve([Echo]);
    const answers: unknown[] = [];

    @Injectable()
    class Asker implements OnModuleInit {
      constructor(@Inject('ECHO') private readonly echo: RedisStreamClient) {}

      async onModuleInit(): Promise<void> {
        answers.push(await ask(this.echo, 'echo', 'early'));
      }
    }

    const clients = ClientsModule.register([
      { name: 'ECHO', customClass: RedisStreamClient, options: { connection: stage.connection } },
    ]);
    await stage.serve([], { providers: [Asker], imports: [clients], option: { consumerGroup: 'asker' } });
    expect(answers).toEqual(['early']);
  });

  it.each(['legacy', 'resp3'] as const)(
    'works with ioredis clients of the application that map replies as %s',
    async (replyMapping) => {
      const connection = (options: RedisOptions): RedisClient =>
        new Redis({ ...options, ...stage.connection, replyMapping: replyMapping as 'legacy' });
      await stage.serve([Echo], { connection });
      const client = stage.client({}, connection);
      await tell(client, 'told', 'event');
      await expect(ask(client, 'echo', [1, { a: null }])).resolves.toEqual([1, { a: null }]);
      await eventually(() => expect(heard).toEqual(['event']));
    },
  );

  it('binds only handlers that name its transport or no transport', async () => {
    @Controller()
    class Mixed {
      @MessagePattern('mine', REDIS_STREAM_TRANSPORT)
      mine(): string {
        return 'mine';
      }

      @MessagePattern('theirs', Symbol('another transport'))
      theirs(): string {
        return 'theirs';
      }
    }
    await stage.serve([Mixed]);
    await expect(ask(stage.client(), 'mine', {})).resolves.toBe('mine');
    expect(await stage.raw.exists('theirs')).toBe(0);
  });

  it('refuses to unwrap before it is connected, and returns its ioredis clients afterwards', async () => {
    const { app, server } = await stage.prepare([Echo]);
    expect(() => server.unwrap()).toThrow(/listen|connect/);
    await app.listen();
    expect(server.unwrap()).toBeDefined();
    const client = stage.client();
    expect('error' in (await outcomeOf(Promise.resolve().then(() => client.unwrap())))).toBe(true);
    await client.connect();
    expect(client.unwrap()).toBeDefined();
  });
});
