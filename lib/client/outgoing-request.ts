import type { WritePacket } from '@nestjs/microservices';
import { v4 as uuid } from 'uuid';
import { encodeMessage, withTtl } from '../codec/entry.codec.js';
import type { OutgoingMessage, ReplyPart } from '../codec/entry.codec.js';
import { NO_MESSAGE_HANDLER } from '../constants.js';
import { PublishOutcomeUnknownError, RequestTimeoutError } from '../errors/transport-errors.js';
import type { RedisStreamError } from '../errors/transport-errors.js';
import type { ClientRuntime } from './client-runtime.js';
import type { PacketCodec } from './packet.codec.js';
import type { ReplyListener } from './pending-requests.js';
import type { AcceptedMessage, Publication } from './publication.js';

/** A request as the caller made it, with the stream to write it to. */
export interface Question {
  readonly pattern: string;
  readonly stream: string;
  readonly message: OutgoingMessage;
  readonly timeoutMs: number;
}

/**
 * One request from the call to its outcome: registered before it is written, cancelled when its caller stops waiting.
 * The callback receives Nest's packets; the last one has an error or `isDisposed`.
 */
export class OutgoingRequest implements Publication, ReplyListener {
  readonly stream: string;
  readonly pattern: string;
  readonly timeoutMs: number;

  private readonly id = uuid();
  private readonly askedAt = performance.now();
  private readonly encoded: readonly string[];
  private written: AcceptedMessage | undefined;
  private isCancelled = false;
  private entryId: string | undefined;
  /** Keeps the parts in order if the deserializer is asynchronous. */
  private decoding: Promise<unknown> | undefined;

  constructor(
    private readonly runtime: ClientRuntime,
    private readonly codec: PacketCodec,
    question: Question,
    private readonly callback: (packet: WritePacket) => void,
  ) {
    this.stream = question.stream;
    this.pattern = question.pattern;
    this.timeoutMs = question.timeoutMs;
    this.encoded = encodeMessage(question.message, { id: this.id, inbox: runtime.inbox.id });
  }

  /** The ttl counts from the write, the timeout of the caller from the call: the ttl is what is left of the timeout. */
  get fields(): readonly string[] {
    return withTtl(this.encoded, this.leftMs);
  }

  /** What is left of the caller's timeout, at least 1; 0 = no limit. */
  private get leftMs(): number {
    const { timeoutMs } = this;
    return timeoutMs === 0 ? 0 : Math.max(1, Math.ceil(this.askedAt + timeoutMs - performance.now()));
  }

  /** @throws {TooManyPendingError} */
  start(): void {
    const { runtime } = this;
    runtime.pending.add(this.id, this);
    if (runtime.inbox.isReady && runtime.served.isKnown(this.stream, this.askedAt)) this.write();
    else void this.writeWhenServed();
  }

  /** The caller has stopped waiting. */
  cancel(): void {
    if (this.runtime.pending.remove(this.id)) this.takeBack();
  }

  stored(entryId: string): void {
    this.entryId = entryId;
    if (this.isCancelled) this.takeBack();
  }

  failed(error: RedisStreamError): void {
    // The request may be stored, and then a reply comes. If not, only a deadline ends the wait.
    if (error instanceof PublishOutcomeUnknownError && this.timeoutMs > 0) return;
    this.runtime.pending.fail(this.id, error);
  }

  private async writeWhenServed(): Promise<void> {
    const { runtime } = this;
    try {
      await runtime.inbox.open();
      const isServed = await runtime.served.check(this.stream, this.leftMs);
      if (!runtime.pending.has(this.id)) return;
      if (isServed) this.write();
      else if (runtime.pending.remove(this.id)) this.callback({ err: NO_MESSAGE_HANDLER });
    } catch (error) {
      runtime.pending.fail(this.id, error as Error);
    }
  }

  private write(): void {
    this.written = this.runtime.publisher.publish(this);
  }

  unanswered(error: Error): void {
    // The group may have been removed.
    if (error instanceof RequestTimeoutError) this.runtime.served.doubt(this.stream);
    this.takeBack();
    this.callback({ err: error });
  }

  replied(part: ReplyPart): void {
    try {
      const packet = this.codec.decode(part);
      if (packet instanceof Promise || this.decoding) this.replyInTurn(packet);
      else this.callback(packet);
    } catch (error) {
      this.refuse(error);
    }
  }

  private replyInTurn(packet: WritePacket | Promise<WritePacket>): void {
    this.decoding = Promise.all([packet, this.decoding]).then(
      ([decoded]) => this.callback(decoded),
      (error: unknown) => this.refuse(error),
    );
  }

  private refuse(error: unknown): void {
    if (this.runtime.pending.remove(this.id)) this.takeBack();
    this.callback({ err: error });
  }

  /** Withdraws a request that was not sent yet. Cancels any other in Redis, once its entry id is known. */
  private takeBack(): void {
    const { runtime, written, entryId, stream } = this;
    if (written && runtime.publisher.withdraw(written)) return;
    this.isCancelled = true;
    if (entryId !== undefined) runtime.canceller.cancel(stream, { entryId, requestId: this.id });
  }
}
