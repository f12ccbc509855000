import 'reflect-metadata';
import { Body, Controller, Get, Inject, Module, Post, Query } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ClientProxy, ClientsModule } from '@nestjs/microservices';
import { map, type Observable } from 'rxjs';
import { RedisStreamClient } from 'nestjs-redis-stream-transport';

const connection = process.env.REDIS_URL ?? 'redis://127.0.0.1:6379';

@Controller('sms')
class SmsController {
  constructor(@Inject('SMS') private readonly client: ClientProxy) {}

  @Get('price')
  price(@Query('text') text = ''): Observable<{ cents: number }> {
    return this.client.send('sms.price', { text });
  }

  @Post()
  send(@Body() sms: { number: string; text: string }): Observable<{ status: string }> {
    // Completes once Redis has stored the event, or fails with an error that says whether it was stored.
    return this.client.emit('sms.send', sms).pipe(map(() => ({ status: 'stored' })));
  }
}

@Module({
  imports: [ClientsModule.register([{ name: 'SMS', customClass: RedisStreamClient, options: { connection } }])],
  controllers: [SmsController],
})
class GatewayModule {}

async function main(): Promise<void> {
  const app = await NestFactory.create(GatewayModule);
  app.enableShutdownHooks([], { useProcessExit: true });
  await app.listen(process.env.PORT ?? 3000, '127.0.0.1');
}

void main();
