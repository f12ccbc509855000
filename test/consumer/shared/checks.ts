import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  BaseRpcContext,
  ClientProxy,
  ClientsModule,
  Server,
  type CustomTransportStrategy,
  type MicroserviceOptions,
} from '@nestjs/microservices';
import { firstValueFrom, lastValueFrom, toArray } from 'rxjs';
import { RedisStreamClient, RedisStreamRecordBuilder, RedisStreamServer } from 'nestjs-redis-stream-transport';
import { deepStrictEqual, ok, rejects } from 'node:assert/strict';
import { NumbersModule, seen } from './numbers.controller.js';
import { outcome, type Check } from './outcome.js';

const connection = { host: '127.0.0.1', port: Number(process.env['REDIS_PORT']) };
const strategy: CustomTransportStrategy = new RedisStreamServer({
  connection,
  option: { consumerGroup: 'consumer', block: 500 },
});

@Module({
  imports: [
    ClientsModule.register([{ name: 'NUMBERS', customClass: RedisStreamClient, options: { connection } }]),
    NumbersModule,
  ],
})
class AppModule {}

async function eventually(holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 10_000; !holds(); await new Promise((resolve) => setTimeout(resolve, 20)))
    ok(Date.now() < end, 'did not come true within 10 s');
}

/** Runs the application of this consumer and prints the outcome of each check, in one line. */
export async function runChecks(further: readonly Check[]): Promise<void> {
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(AppModule, { strategy, logger: ['error'] });
  await app.listen();
  const client = app.get<ClientProxy>('NUMBERS');

  const checks: readonly Check[] = [
    ...further,
    [
      'the server is a Server, the client a ClientProxy',
      () => ok(strategy instanceof Server && client instanceof ClientProxy && client instanceof RedisStreamClient),
    ],
    [
      'a request reaches a handler that uses an injected service',
      async () => deepStrictEqual(await firstValueFrom(client.send('numbers.sum', [1, 2, 3])), 6),
    ],
    [
      'a streamed reply arrives in order',
      async () =>
        deepStrictEqual(
          await lastValueFrom(client.send<number>({ cmd: 'numbers.each' }, [3, 1, 2]).pipe(toArray())),
          [3, 1, 2],
        ),
    ],
    [
      'an RpcException arrives as it was thrown',
      () => rejects(firstValueFrom(client.send('numbers.refuse', {})), { code: 'REFUSED' }),
    ],
    [
      'an event reaches its handler with a context',
      async () => {
        const record = new RedisStreamRecordBuilder({ n: 1 }).setHeader('tenant', 'a').build();
        await lastValueFrom(client.emit('numbers.seen', record), { defaultValue: undefined });
        await eventually(() => seen.events.length > 0);
        deepStrictEqual(seen.events, [{ n: 1 }]);
        const [context] = seen.contexts;
        ok(context instanceof BaseRpcContext);
        deepStrictEqual((context as unknown as { getHeader(name: string): unknown }).getHeader('tenant'), 'a');
      },
    ],
  ];

  console.log(`1..${checks.length}`);
  for (const check of checks) {
    const line = await outcome(check);
    console.log(line);
    if (!line.startsWith('ok ')) process.exitCode = 1;
  }
  await app.close();
  await client.close();
}
