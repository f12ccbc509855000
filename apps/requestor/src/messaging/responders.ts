import { BadGatewayException, GatewayTimeoutException, HttpException, Inject, Injectable } from '@nestjs/common';
import type { ClientProxy } from '@nestjs/microservices';
import { RedisStreamError } from 'nestjs-redis-stream-transport';
import { lastValueFrom } from 'rxjs';
import { MESSAGING_CLIENT } from './messaging.client.js';

/** Sends requests to the responders on the other side of Redis and turns their failures into HTTP errors. */
@Injectable()
export class Responders {
  constructor(@Inject(MESSAGING_CLIENT) private readonly client: ClientProxy) {}

  /** @throws {RequestTimeoutError} when no responder answers in time */
  async ask<T>(pattern: string, question: object): Promise<T | undefined> {
    try {
      const reply = this.client.send<T | null>(pattern, question);
      return (await lastValueFrom(reply, { defaultValue: null })) ?? undefined;
    } catch (error) {
      throw error instanceof RedisStreamError ? error : failedRequest(error);
    }
  }
}

/** Maps what a responder sent instead of a result: texts and objects made by Nest. */
const failedRequest = (error: unknown): HttpException =>
  typeof error === 'string' && error.includes('no matching message handler')
    ? new GatewayTimeoutException('No responder serves this request')
    : new BadGatewayException('The responder failed', { cause: error });
