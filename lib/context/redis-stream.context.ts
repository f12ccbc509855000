import { BaseRpcContext } from '@nestjs/microservices';
import type { Headers } from '../codec/entry.codec.js';
import { plainFields } from '../codec/foreign-fields.js';
import { brand } from '../errors/brand.js';
import { RedisStreamOptionError } from '../errors/option-error.js';
import { entryTime } from '../redis/stream-commands.js';
import { isTime, MAX_TIME_MS } from '../timing/time.js';

/** What the transport knows about an entry besides its data. */
export interface DeliveryDetails {
  readonly stream: string;
  readonly pattern: string;
  readonly id: string;
  readonly group: string;
  readonly consumer: string;
  readonly attempt: number;
  readonly headers: Headers;
  readonly messageId: string | undefined;
  readonly isRequest: boolean;
  /** Names and values of the whole entry, if some of them are not part of the wire format. */
  readonly otherFields?: readonly string[] | undefined;
}

/** What a handler decided about its entry, regardless of what it returns. */
export type SettlementWish =
  | { readonly kind: 'retry'; readonly delayMs: number | undefined }
  | { readonly kind: 'dead-letter'; readonly reason: string };

const MAX_REASON_LENGTH = 1_000;

/** Second argument of every handler: `@Ctx() ctx: RedisStreamContext`. */
export class RedisStreamContext extends BaseRpcContext<[DeliveryDetails]> {
  static {
    brand(this, 'RedisStreamContext');
  }

  private controller: AbortController | undefined;
  private abortReason: Error | undefined;
  private settlementWish: SettlementWish | undefined;
  private originalError: unknown;
  private fields: Readonly<Record<string, string>> | undefined;

  constructor(details: DeliveryDetails) {
    super([details]);
  }

  /** Name of the stream, prefix included. */
  getStream(): string {
    return this.args[0].stream;
  }

  /** The normalized pattern that the handler was registered with. */
  getPattern(): string {
    return this.args[0].pattern;
  }

  /**
   * Id of the message, the same in every attempt: the id that the sender chose with `setMessageId`, otherwise the entry
   * id. A redriven dead letter keeps it. Use it to make handlers idempotent.
   */
  getMessageId(): string {
    return this.args[0].messageId ?? this.args[0].id;
  }

  /** Id that Redis gave the entry. */
  getEntryId(): string {
    return this.args[0].id;
  }

  getConsumerGroup(): string {
    return this.args[0].group;
  }

  getConsumer(): string {
    return this.args[0].consumer;
  }

  getHeaders(): Headers {
    return this.args[0].headers;
  }

  getHeader(name: string): string | undefined {
    return this.args[0].headers[name];
  }

  /** Nest 12's name for the headers; undefined if there are none, as in Nest's own contexts. */
  getMetadata(): Headers | undefined {
    const { headers } = this.args[0];
    return Object.keys(headers).length > 0 ? headers : undefined;
  }

  /**
   * Fields that another kind of producer wrote next to `data`, without those of the transport's own wire format. An
   * object without a prototype, created on the first call.
   */
  getFields(): Readonly<Record<string, string>> {
    const { otherFields = [], isRequest } = this.args[0];
    return (this.fields ??= plainFields(otherFields, isRequest));
  }

  /** 1 for the first run; counted by Redis, so runs that killed their process count. */
  getAttempt(): number {
    return this.args[0].attempt;
  }

  /** When the entry was added, by the clock of Redis. */
  getTimestamp(): Date {
    return new Date(entryTime(this.args[0].id));
  }

  /**
   * Aborts when the result no longer matters: the lease is lost, the request is cancelled, the reply has failed,
   * `handlerTimeout` is over, or the server stops.
   */
  get signal(): AbortSignal {
    if (!this.controller) {
      this.controller = new AbortController();
      if (this.abortReason) this.controller.abort(this.abortReason);
    }
    return this.controller.signal;
  }

  /**
   * Runs the event again even if the handler completes: after `delay` ms, by default after the usual backoff. This
   * counts as an attempt; after the last attempt the event becomes a dead letter.
   * @throws {RedisStreamOptionError} for a delay that is not an integer from 0 to 2147483647 ms (24.8 days)
   * @throws {Error} for a request: its caller waits for an answer
   */
  retry({ delay }: { delay?: number } = {}): void {
    this.assertEvent('retry');
    if (delay !== undefined && !isTime(delay)) {
      throw new RedisStreamOptionError('delay', `an integer from 0 to ${MAX_TIME_MS}`, delay);
    }
    this.settlementWish = { kind: 'retry', delayMs: delay };
  }

  /**
   * Moves the event to the dead letters when the handler is done, whatever it returns or throws. `reason` is cut to
   * 1,000 characters.
   * @throws {Error} for a request: answer it with an error instead
   */
  deadLetter(reason: string): void {
    this.assertEvent('deadLetter');
    this.settlementWish = { kind: 'dead-letter', reason: reason.slice(0, MAX_REASON_LENGTH) };
  }

  private assertEvent(method: string): void {
    if (this.args[0].isRequest) throw new Error(`\`ctx.${method}()\` is for events; answer a request with an error`);
  }

  /** @internal */
  get wish(): SettlementWish | undefined {
    return this.settlementWish;
  }

  /** @internal What the handler threw, before an exception filter replaced it. */
  get failure(): unknown {
    return this.originalError;
  }

  /** @internal */
  recordFailure(error: unknown): void {
    this.originalError ??= error;
  }

  /** @internal */
  abort(reason: Error): void {
    this.abortReason ??= reason;
    this.controller?.abort(reason);
  }
}
