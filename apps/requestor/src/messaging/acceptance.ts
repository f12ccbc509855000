import { Inject, Injectable, Logger, ServiceUnavailableException } from '@nestjs/common';
import type { ClientProxy } from '@nestjs/microservices';
import { setTimeout as delay } from 'node:timers/promises';
import { RedisStreamError, RedisStreamRecordBuilder } from 'nestjs-redis-stream-transport';
import { lastValueFrom } from 'rxjs';
import { IdempotencyKeys } from './idempotency-keys.js';
import type { Claim, ScopedKey } from './idempotency-keys.js';
import { MESSAGING_CLIENT } from './messaging.client.js';

const BUSY_POLL_MS = 50;
const BUSY_PATIENCE_MS = 6_000;

/** A kind of message that callers hand in, and what has to be known to take it. */
export interface MessageKind<T extends object> {
  readonly stream: string;
  /** Names its idempotency keys. */
  readonly scope: string;
  idOf(message: T): string;
  /** Notes that it was accepted, so that it is known before a worker has seen it. Must tolerate being called again. */
  note(message: T): Promise<void>;
}

/** Takes messages from callers. One is accepted when Redis has it on the stream, and not before. */
@Injectable()
export class Acceptance {
  private readonly logger = new Logger(Acceptance.name);

  constructor(
    @Inject(MESSAGING_CLIENT) private readonly client: ClientProxy,
    private readonly keys: IdempotencyKeys,
  ) {}

  /** The message that was accepted: with a key that was used before, the one of that time. */
  async accept<T extends object>(kind: MessageKind<T>, message: T, idempotencyKey: string | undefined): Promise<T> {
    if (idempotencyKey === undefined) {
      await this.publish(kind, message);
      return message;
    }
    const key = { scope: kind.scope, key: idempotencyKey };
    const claim = await this.claim(key, message);
    if (claim.state === 'held') await this.publishUnder(key, kind, claim);
    return claim.message;
  }

  private async publishUnder<T extends object>(
    key: ScopedKey,
    kind: MessageKind<T>,
    { message, isFirst }: Extract<Claim<T>, { state: 'held' }>,
  ): Promise<void> {
    try {
      await this.publish(kind, message);
    } catch (error) {
      const isUnpublished = isFirst && error instanceof RedisStreamError && error.outcome === 'not-stored';
      await this.afterwards(isUnpublished ? this.keys.forget(key) : this.keys.release(key));
      throw error;
    }
    await this.afterwards(this.keys.confirm(key));
  }

  /**
   * The note is made after the message is out: the other way round, a process that dies in between would leave
   * something that is "queued" for ever.
   */
  private async publish<T extends object>(kind: MessageKind<T>, message: T): Promise<void> {
    const record = new RedisStreamRecordBuilder(message).setMessageId(kind.idOf(message)).build();
    await lastValueFrom(this.client.emit(kind.stream, record), { defaultValue: undefined });
    await this.afterwards(kind.note(message));
  }

  private async claim<T extends object>(key: ScopedKey, message: T): Promise<Exclude<Claim<T>, { state: 'busy' }>> {
    for (const until = Date.now() + BUSY_PATIENCE_MS; Date.now() < until; await delay(BUSY_POLL_MS)) {
      const claim = await this.keys.claim(key, message);
      if (claim.state !== 'busy') return claim;
    }
    throw new ServiceUnavailableException('Another request with this Idempotency-Key is still being worked on');
  }

  /** The message is out or it is not; that cannot be changed by bookkeeping that fails. */
  private async afterwards(bookkeeping: Promise<void>): Promise<void> {
    await bookkeeping.catch((error: Error) => this.logger.warn(error.message));
  }
}
