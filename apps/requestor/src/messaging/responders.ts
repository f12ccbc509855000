import { BadGatewayException, GatewayTimeoutException, HttpException, Inject, Injectable } from '@nestjs/common';
import type { ClientProxy } from '@nestjs/microservices';
import { RedisStreamError } from 'nestjs-redis-stream-transport';
import { lastValueFrom } from 'rxjs';
import { MESSAGING_CLIENT } from './messaging.client.js';

/** Whoever answers requests on the other side of Redis. Says in HTTP what it means when nobody does. */
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

/** What a responder answered in place of a result: Nest's own texts and objects. */
const failedRequest = (error: unknown): HttpException =>
  typeof error === 'string' && error.includes('no matching message handler')
    ? new GatewayTimeoutException('No responder serves this request')
    : new BadGatewayException('The responder failed', { cause: error });
