import { Controller } from '@nestjs/common';
import type { Type } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { RedisStreamContext } from 'nestjs-redis-stream-transport';
import type { RedisStreamHandlerExtras } from 'nestjs-redis-stream-transport';

/** The body of a handler: the test decides what it returns or throws, and whether it settles. */
export type Action = (data: unknown, ctx: RedisStreamContext) => unknown;

/** A controller with a single event handler. */
export function onEvent(pattern: string, act: Action, extras: RedisStreamHandlerExtras = {}): Type {
  @Controller()
  class EventController {
    @EventPattern<string>(pattern, { ...extras })
    handle(@Payload() data: unknown, @Ctx() ctx: RedisStreamContext): unknown {
      return act(data, ctx);
    }
  }
  return EventController;
}

/** A controller with a single request handler. */
export function onRequest(pattern: string, act: Action, extras: RedisStreamHandlerExtras = {}): Type {
  @Controller()
  class RequestController {
    @MessagePattern(pattern, { ...extras })
    handle(@Payload() data: unknown, @Ctx() ctx: RedisStreamContext): unknown {
      return act(data, ctx);
    }
  }
  return RequestController;
}
