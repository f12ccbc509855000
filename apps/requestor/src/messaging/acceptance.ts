import { Inject, Injectable, Logger, ServiceUnavailableException, UnprocessableEntityException } from '@nestjs/common';
import type { ClientProxy } from '@nestjs/microservices';
import { setTimeout as delay } from 'node:timers/promises';
import { RedisStreamError, RedisStreamRecordBuilder } from 'nestjs-redis-stream-transport';
import { lastValueFrom } from 'rxjs';
import { Headroom } from '#store';
import { IdempotencyKeys } from './idempotency-keys.js';
import type { Claim, ScopedKey } from './idempotency-keys.js';
import { MESSAGING_CLIENT } from './messaging.client.js';

const BUSY_POLL_MS = 50;
const BUSY_PATIENCE_MS = 6_000;

/** A kind of message that callers submit, and what `Acceptance` needs to accept it. */
export interface MessageKind<T extends object> {
  readonly stream: string;
  /** Keeps its idempotency keys apart from those of other kinds. */
  readonly scope: string;
  idOf(message: T): string;
  /** What the caller asked for: the message without what this app has added to it. */
  draftOf(message: T): object;
  /** Records the accepted message, so that it is known before a worker has seen it. Must tolerate repeated calls. */
  note(message: T): Promise<void>;
}

/** Redis needs what memory is left for the work that it holds. Nothing was stored. */
class NoHeadroomException extends ServiceUnavailableException {
  constructor() {
    super(
      'Redis is almost full, so nothing new is accepted; nothing was stored. Try again once workers have caught up',
    );
  }
}

type OwnClaim<T> = Exclude<Claim<T>, { state: 'busy' | 'different' }>;

/** Accepts messages from callers: only once Redis has the message on the stream. */
@Injectable()
export class Acceptance {
  private readonly logger = new Logger(Acceptance.name);

  constructor(
    @Inject(MESSAGING_CLIENT) private readonly client: ClientProxy,
    private readonly keys: IdempotencyKeys,
    private readonly headroom: Headroom,
  ) {}

  /**
   * Returns the accepted message; for a key that was used before, the message accepted then.
   * @throws {UnprocessableEntityException} if the key was used for another draft: the caller would take the answer for
   * an acceptance of this one
   * @throws {ServiceUnavailableException} if Redis has no memory for new work
   */
  async accept<T extends object>(kind: MessageKind<T>, message: T, idempotencyKey: string | undefined): Promise<T> {
    if (idempotencyKey === undefined) {
      await this.publish(kind, message);
      return message;
    }
    const key = { scope: kind.scope, key: idempotencyKey };
    const claim = await this.claim(key, kind, message);
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
      await this.afterwards(isFirst && isNotStored(error) ? this.keys.forget(key) : this.keys.release(key));
      throw error;
    }
    await this.afterwards(this.keys.confirm(key));
  }

  /**
   * The note follows the publish: in the opposite order, a process that dies in between would leave a message that is
   * "queued" forever.
   */
  private async publish<T extends object>(kind: MessageKind<T>, message: T): Promise<void> {
    if (!(await this.headroom.isLeft())) throw new NoHeadroomException();
    const record = new RedisStreamRecordBuilder(message).setMessageId(kind.idOf(message)).build();
    await lastValueFrom(this.client.emit(kind.stream, record), { defaultValue: undefined });
    await this.afterwards(kind.note(message));
  }

  private async claim<T extends object>(key: ScopedKey, kind: MessageKind<T>, message: T): Promise<OwnClaim<T>> {
    for (const until = Date.now() + BUSY_PATIENCE_MS; Date.now() < until; await delay(BUSY_POLL_MS)) {
      const claim = await this.keys.claim(key, message, kind.draftOf(message));
      if (claim.state === 'different') {
        throw new UnprocessableEntityException('This Idempotency-Key was used for another request; nothing was stored');
      }
      if (claim.state !== 'busy') return claim;
    }
    throw new ServiceUnavailableException('Another request with this Idempotency-Key is still in progress');
  }

  /** Failed bookkeeping does not fail the request: it does not change whether the message is published. */
  private async afterwards(bookkeeping: Promise<void>): Promise<void> {
    await bookkeeping.catch((error: Error) => this.logger.warn(error.message));
  }
}

const isNotStored = (error: unknown): boolean =>
  error instanceof NoHeadroomException || (error instanceof RedisStreamError && error.outcome === 'not-stored');
