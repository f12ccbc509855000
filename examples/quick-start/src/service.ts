import 'reflect-metadata';
import { Controller, Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, EventPattern, MessagePattern, Payload, type MicroserviceOptions } from '@nestjs/microservices';
import { RedisStreamContext, RedisStreamErrorInterceptor, RedisStreamServer } from 'nestjs-redis-stream-transport';

@Controller()
class SmsController {
  private readonly logger = new Logger('SMS');

  @MessagePattern('sms.price') // answers client.send('sms.price', …)
  price(@Payload() sms: { text: string }): { cents: number } {
    return { cents: Math.ceil(sms.text.length / 160) * 7 };
  }

  @EventPattern<string>('sms.send') // runs for client.emit('sms.send', …); if it throws, it runs again after a pause
  send(@Payload() sms: { number: string; text: string }, @Ctx() ctx: RedisStreamContext): void {
    // Delivery is at least once. The message id is the same in every attempt: use it as the idempotency key.
    this.logger.log(`${ctx.getMessageId()}: "${sms.text}" to ${sms.number}`);
  }
}

@Module({ controllers: [SmsController] })
class ServiceModule {}

async function main(): Promise<void> {
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(ServiceModule, {
    strategy: new RedisStreamServer({
      connection: process.env.REDIS_URL ?? 'redis://127.0.0.1:6379',
      option: { consumerGroup: 'sms-worker' },
    }),
  });
  app.useGlobalInterceptors(new RedisStreamErrorInterceptor()); // dead letters say which error a handler threw
  app.enableShutdownHooks([], { useProcessExit: true }); // on a signal, running handlers finish; then exit code 0
  await app.listen();
}

void main();
