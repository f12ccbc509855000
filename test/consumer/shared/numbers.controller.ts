import { Controller, Inject, Injectable, Module } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload, RpcException } from '@nestjs/microservices';
import { from, type Observable } from 'rxjs';
import { REDIS_STREAM_TRANSPORT, RedisStreamContext } from 'nestjs-redis-stream-transport';

/** What the handlers received, for the checks to read. */
export const seen: { events: unknown[]; contexts: unknown[] } = { events: [], contexts: [] };

@Injectable()
export class Adder {
  sum(numbers: number[]): number {
    return numbers.reduce((total, each) => total + each, 0);
  }
}

@Controller()
export class NumbersController {
  constructor(@Inject(Adder) private readonly adder: Adder) {}

  @MessagePattern('numbers.sum')
  sum(@Payload() numbers: number[]): number {
    return this.adder.sum(numbers);
  }

  @MessagePattern({ cmd: 'numbers.each' })
  each(@Payload() numbers: number[]): Observable<number> {
    return from(numbers);
  }

  @MessagePattern('numbers.refuse')
  refuse(): never {
    throw new RpcException({ code: 'REFUSED' });
  }

  @EventPattern<string>('numbers.seen', REDIS_STREAM_TRANSPORT)
  async saw(@Payload() data: unknown, @Ctx() context: RedisStreamContext): Promise<void> {
    seen.events.push(data);
    seen.contexts.push(context);
  }
}

@Module({ controllers: [NumbersController], providers: [Adder] })
export class NumbersModule {}
