import {
  BadGatewayException,
  GatewayTimeoutException,
  HttpException,
  Inject,
  Injectable,
  Logger,
} from '@nestjs/common';
import { ServiceUnavailableException } from '@nestjs/common';
import type { ClientProxy } from '@nestjs/microservices';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { RedisStreamError, RedisStreamRecordBuilder } from 'nestjs-redis-stream-transport';
import { lastValueFrom } from 'rxjs';
import { SMS, SMS_STATUS, SmsRecords } from '../../../contracts/src/index.js';
import type { SmsRequested, SmsStatus } from '../../../contracts/src/index.js';
import { IdempotencyKeys } from './idempotency-keys.js';
import type { Claim } from './idempotency-keys.js';
import { SMS_CLIENT } from './sms.client.js';

const BUSY_POLL_MS = 50;
const BUSY_PATIENCE_MS = 6_000;

/** Accepts SMS and says what became of them. An SMS is accepted when Redis has it on the stream, and not before. */
@Injectable()
export class SmsDesk {
  private readonly logger = new Logger(SmsDesk.name);

  constructor(
    @Inject(SMS_CLIENT) private readonly client: ClientProxy,
    private readonly records: SmsRecords,
    private readonly keys: IdempotencyKeys,
  ) {}

  async accept(number: string, text: string, key: string | undefined): Promise<SmsRequested> {
    const sms: SmsRequested = { uuid: randomUUID(), number, text };
    if (key === undefined) {
      await this.publish(sms);
      return sms;
    }
    const claim = await this.claim(key, sms);
    if (claim.state === 'held') await this.publishUnder(key, claim.sms, claim.isFirst);
    return claim.sms;
  }

  /** @throws {RequestTimeoutError} when no responder answers in time */
  async status(uuid: string): Promise<SmsStatus | undefined> {
    try {
      const reply = this.client.send<SmsStatus | null>(SMS_STATUS, { uuid });
      return (await lastValueFrom(reply, { defaultValue: null })) ?? undefined;
    } catch (error) {
      throw isHttpReady(error) ? error : failedRequest(error);
    }
  }

  private async publishUnder(key: string, sms: SmsRequested, isFirst: boolean): Promise<void> {
    try {
      await this.publish(sms);
    } catch (error) {
      const isUnpublished = isFirst && error instanceof RedisStreamError && error.outcome === 'not-stored';
      await this.afterwards(isUnpublished ? this.keys.forget(key) : this.keys.release(key));
      throw error;
    }
    await this.afterwards(this.keys.confirm(key));
  }

  /**
   * The record is written after the message: the other way round, a process that dies in between would leave an SMS
   * that is "queued" for ever. A worker that is faster than this finds no record and makes it.
   */
  private async publish(sms: SmsRequested): Promise<void> {
    const message = new RedisStreamRecordBuilder(sms).setMessageId(sms.uuid).build();
    await lastValueFrom(this.client.emit(SMS, message), { defaultValue: undefined });
    await this.afterwards(this.records.accept(sms));
  }

  private async claim(key: string, sms: SmsRequested): Promise<Exclude<Claim, { state: 'busy' }>> {
    for (const until = Date.now() + BUSY_PATIENCE_MS; Date.now() < until; await delay(BUSY_POLL_MS)) {
      const claim = await this.keys.claim(key, sms);
      if (claim.state !== 'busy') return claim;
    }
    throw new ServiceUnavailableException('Another request with this Idempotency-Key is still being worked on');
  }

  /** The message is out or it is not; that cannot be changed by bookkeeping that fails. */
  private async afterwards(bookkeeping: Promise<void>): Promise<void> {
    await bookkeeping.catch((error: Error) => this.logger.warn(error.message));
  }
}

const isHttpReady = (error: unknown): boolean => error instanceof RedisStreamError || error instanceof HttpException;

/** What a responder answered in place of a status: Nest's own texts and objects. */
const failedRequest = (error: unknown): HttpException =>
  typeof error === 'string' && error.includes('no matching message handler')
    ? new GatewayTimeoutException('No responder serves this request')
    : new BadGatewayException('The responder failed', { cause: error });
