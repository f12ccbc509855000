import { compileAll, type Complaints } from './compiler.js';

const PRELUDE = `
import { Controller, Injectable, Inject, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { BaseRpcContext, ClientProxy, ClientsModule, Ctx, EventPattern, MessagePattern, Payload, Server } from '@nestjs/microservices';
import type { CustomTransportStrategy, MicroserviceOptions } from '@nestjs/microservices';
import { Redis, Cluster } from 'ioredis';
import type { Observable } from 'rxjs';
import {
  REDIS_STREAM_TRANSPORT, RedisStreamClient, RedisStreamContext, RedisStreamDeadLetters, RedisStreamRecord, RedisStreamRecordBuilder,
  RedisStreamServer,
} from 'nestjs-redis-stream-transport';
import type { RedisStreamHandlerExtras, ServerListeners } from 'nestjs-redis-stream-transport';
class AppModule {}
`;

const server = (option: string, connection = `{ host: '127.0.0.1' }`): string =>
  `new RedisStreamServer({ connection: ${connection}, option: ${option} });`;
const client = (option: string): string => `new RedisStreamClient({ connection: {}, option: ${option} });`;

const ACCEPTED: Record<string, string> = {
  'the documented server and client': `
    ${server(`{ consumerGroup: 'sms-worker' }`, `{ host: '127.0.0.1', port: 6379, password: 'x' }`)}
    new RedisStreamClient({ connection: { host: '127.0.0.1', port: 6379, password: 'x' } });`,
  'the server as the strategy of a microservice': `
    await NestFactory.createMicroservice<MicroserviceOptions>(AppModule, {
      strategy: new RedisStreamServer({ connection: {}, option: { consumerGroup: 'g' } }),
    });`,
  'the server in a hybrid application': `
    const app = await NestFactory.create(AppModule);
    app.connectMicroservice<MicroserviceOptions>({ strategy: ${server(`{ consumerGroup: 'g' }`).replace(';', '')} });`,
  'the client as the custom class of ClientsModule': `
    ClientsModule.register([
      { name: 'SMS', customClass: RedisStreamClient, options: { connection: { host: 'localhost', port: 6379 } } },
    ]);`,
  'the client from an async registration': `
    ClientsModule.registerAsync([
      { name: 'SMS', useFactory: () => ({ customClass: RedisStreamClient, options: { connection: {} } }) },
    ]);`,
  'every kind of connection': `
    ${server(`{ consumerGroup: 'g' }`, `'redis://localhost:6379/0'`)}
    ${server(`{ consumerGroup: 'g' }`, `{ nodes: [{ host: 'a', port: 7000 }], options: { scaleReads: 'master' } }`)}
    ${server(`{ consumerGroup: 'g' }`, `{ sentinels: [{ host: 'a', port: 26379 }], name: 'mymaster' }`)}
    ${server(`{ consumerGroup: 'g' }`, `{ host: 'a', tls: {} }`)}
    ${server(`{ consumerGroup: 'g' }`, `(options, role) => new Redis({ ...options, connectionName: role })`)}
    ${server(`{ consumerGroup: 'g' }`, `(options) => new Cluster([{ host: 'a', port: 7000 }], { redisOptions: options })`)}`,
  'every server option': server(`{
      consumerGroup: 'g', consumer: 'c', prefix: 'app:', startFrom: '$', concurrency: 8, block: 1_000, lease: 10_000,
      sweepInterval: 1_000, maxAttempts: 3, backoff: { delay: 100, maxDelay: 1_000 },
      isRetriable: (error: unknown) => error instanceof Error, retention: { maxLength: 100, maxAge: 60_000 },
      consumerTtl: 60_000, groupTtl: 604_800_000, shutdownTimeout: 1_000, handlerTimeout: 5_000, maxPayloadBytes: 1_024, connectTimeout: 0,
    }`),
  'every client option': client(`{
      prefix: 'app:', requestTimeout: 0, publishTimeout: 100, maxPending: 1, maxPayloadBytes: 1, connectTimeout: 0,
    }`),
  'server, client and context as the types of Nest': `
    const asStrategy: Server<ServerListeners> & CustomTransportStrategy = ${server(`{ consumerGroup: 'g' }`)}
    const asProxy: ClientProxy = new RedisStreamClient({ connection: {} });
    declare const context: RedisStreamContext;
    const asContext: BaseRpcContext = context;`,
  'handlers bound to this transport, with their own extras': `
    @Controller()
    class Orders {
      // Nest 12 infers a bare string as the key of an event map, and then rejects any type for the second parameter.
      @EventPattern<string>('order.created', REDIS_STREAM_TRANSPORT, {
        group: 'billing', concurrency: 4, maxAttempts: 3, backoff: { delay: 10 }, startFrom: '0',
      } satisfies RedisStreamHandlerExtras)
      async created(@Payload() order: { id: string }, @Ctx() ctx: RedisStreamContext): Promise<void> {
        const texts: string[] = [ctx.getStream(), ctx.getMessageId(), ctx.getPattern(), ctx.getConsumerGroup(), ctx.getConsumer()];
        const header: string | undefined = ctx.getHeader('trace');
        const attempt: number = ctx.getAttempt();
        const signal: AbortSignal = ctx.signal;
        ctx.retry({ delay: 1_000 });
        ctx.deadLetter('no such customer');
        const fields: Readonly<Record<string, string>> = ctx.getFields();
        void [fields, order, texts, header, attempt, signal, ctx.getHeaders(), ctx.getMetadata(), ctx.getTimestamp()];
      }
    }`,
  'a record instead of plain data': `
    const proxy = new RedisStreamClient({ connection: {} });
    const record = new RedisStreamRecordBuilder({ number: '+10000000000' })
      .setHeaders({ tenant: 'a' }).setHeader('trace', '1').setMessageId('m-1').setTimeout(1_000).build();
    const made = new RedisStreamRecord({ data: 1, headers: { tenant: 'a' }, messageId: 'm-1', timeout: 1_000 });
    const other: Observable<number> = proxy.send<number>('sum', made);
    const answer: Observable<number> = proxy.send<number>('sum', record);
    const done: Observable<void> = proxy.emit<void>('sms', record);`,
  'listeners and the status stream': `
    const strategy = ${server(`{ consumerGroup: 'g' }`)}
    strategy.status.subscribe((status: string) => status);
    const proxy = new RedisStreamClient({ connection: {} });
    proxy.status.subscribe((status: string) => status);
    const clients = strategy.unwrap();`,
};

const REJECTED: Record<string, { source: string; code: number }> = {
  'a server without options': { source: `new RedisStreamServer();`, code: 2554 },
  'a server without a connection': { source: `new RedisStreamServer({ option: { consumerGroup: 'g' } });`, code: 2345 },
  'a server without option': { source: `new RedisStreamServer({ connection: {} });`, code: 2345 },
  'a server without a consumer group': { source: server(`{}`), code: 2741 },
  'a misspelt server option': { source: server(`{ consumerGroup: 'g', concurency: 1 }`), code: 2561 },
  'an option in the wrong place': {
    source: `new RedisStreamServer({ connection: {}, concurrency: 1, option: { consumerGroup: 'g' } });`,
    code: 2353,
  },
  'a number as text': { source: server(`{ consumerGroup: 'g', concurrency: '8' }`), code: 2322 },
  'a misspelt connection option': { source: server(`{ consumerGroup: 'g' }`, `{ hots: 'localhost' }`), code: 2353 },
  'a misspelt client option': { source: client(`{ requestTimeOut: 1 }`), code: 2561 },
  'a server option on a client': { source: client(`{ consumerGroup: 'g' }`), code: 2353 },
  'a misspelt handler extra': { source: `const extras: RedisStreamHandlerExtras = { attempts: 3 };`, code: 2353 },
  'a header that is not a string': { source: `new RedisStreamRecordBuilder('x').setHeader('a', 1);`, code: 2345 },
  'a purge without an id': {
    source: `new RedisStreamDeadLetters({ connection: {} }).purge('order');`,
    code: 2554,
  },
  'a misspelled field of backoff': { source: server(`{ consumerGroup: 'g', backoff: { maxdelay: 1 } }`), code: 2561 },
  'a record of positional values': { source: `new RedisStreamRecord(1, undefined, undefined, undefined);`, code: 2554 },
  'assigning to a property of a context': {
    source: `declare const context: RedisStreamContext; context.signal = new AbortController().signal;`,
    code: 2540,
  },
};

describe('the public types', () => {
  let complaints: ReadonlyMap<string, Complaints>;

  beforeAll(() => {
    const sources = new Map<string, string>();
    for (const [title, source] of Object.entries(ACCEPTED)) sources.set(title, PRELUDE + source);
    for (const [title, { source }] of Object.entries(REJECTED)) sources.set(title, PRELUDE + source);
    complaints = compileAll(sources);
  }, 120_000);

  it.each(Object.keys(ACCEPTED))('accept %s', (title) => {
    expect(complaints.get(title)).toEqual([]);
  });

  it.each(Object.keys(REJECTED))('reject %s', (title) => {
    const code = REJECTED[title]?.code;
    expect(complaints.get(title)).toEqual([expect.stringMatching(new RegExp(`^TS${code} `))]);
  });
});
