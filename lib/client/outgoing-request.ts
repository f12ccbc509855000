import type { WritePacket } from '@nestjs/microservices';
import { v4 as uuid } from 'uuid';
import { encodeMessage, withTtl } from '../codec/entry.codec.js';
import type { OutgoingMessage, ReplyPart } from '../codec/entry.codec.js';
import { NO_MESSAGE_HANDLER } from '../constants.js';
import { PublishOutcomeUnknownError, RequestTimeoutError } from '../errors/transport-errors.js';
import type { RedisStreamError } from '../errors/transport-errors.js';
import type { ClientRuntime } from './client-runtime.js';
import type { PacketCodec } from './packet.codec.js';
import type { Publication } from './publisher.js';

/** What is asked, and where. */
export interface Question {
  readonly pattern: string;
  readonly stream: string;
  readonly message: OutgoingMessage;
  readonly timeoutMs: number;
}

/**
 * One request from its first byte to its outcome: registered before it is written, cancelled by whoever stops waiting.
 * The callback gets Nest's packets, the last of them with an error or `isDisposed`.
 */
export class OutgoingRequest implements Publication {
  readonly stream: string;

  private readonly id = uuid();
  private readonly askedAt = performance.now();
  private readonly encoded: readonly string[];
  private isWritten = false;
  private isCancelled = false;
  private entryId: string | undefined;
  /** Keeps the parts in order where the deserializer takes its time. */
  private decoding: Promise<unknown> | undefined;

  constructor(
    private readonly runtime: ClientRuntime,
    private readonly codec: PacketCodec,
    private readonly question: Question,
    private readonly callback: (packet: WritePacket) => void,
  ) {
    this.stream = question.stream;
    this.encoded = encodeMessage(question.message, { id: this.id, inbox: runtime.inbox.id });
  }

  /** The ttl counts from when the entry is written, the caller's patience from the call: what is left of it goes along. */
  get fields(): readonly string[] {
    const { timeoutMs } = this.question;
    const leftMs = Math.ceil(this.askedAt + timeoutMs - performance.now());
    return withTtl(this.encoded, timeoutMs === 0 ? 0 : Math.max(1, leftMs));
  }

  /** @throws {TooManyPendingError} */
  start(): void {
    const { runtime, question } = this;
    runtime.pending.add(this.id, {
      pattern: question.pattern,
      timeoutMs: question.timeoutMs,
      replied: (part) => this.replied(part),
      failed: (error) => this.end(error),
    });
    if (runtime.inbox.isReady && runtime.served.isKnown(this.stream)) this.write();
    else void this.writeWhenServed();
  }

  cancel(): void {
    if (!this.runtime.pending.remove(this.id)) return;
    if (this.isWritten && this.runtime.publisher.withdraw(this)) return;
    this.isCancelled = true;
    this.deleteEntry();
  }

  stored(entryId: string): void {
    this.entryId = entryId;
    if (this.isCancelled) this.deleteEntry();
  }

  failed(error: RedisStreamError): void {
    // It may have been stored all the same, and then a reply will come. Without a deadline nobody could tell when not.
    if (error instanceof PublishOutcomeUnknownError && this.question.timeoutMs > 0) return;
    this.runtime.pending.fail(this.id, error);
  }

  private async writeWhenServed(): Promise<void> {
    const { runtime } = this;
    try {
      await runtime.inbox.open();
      const isServed = await runtime.served.check(this.stream);
      if (!runtime.pending.has(this.id)) return;
      if (isServed) this.write();
      else if (runtime.pending.remove(this.id)) this.callback({ err: NO_MESSAGE_HANDLER });
    } catch (error) {
      runtime.pending.fail(this.id, error as Error);
    }
  }

  private write(): void {
    this.isWritten = true;
    this.runtime.publisher.publish(this);
  }

  private end(error: Error): void {
    // One that still waits for a connection would be answered to nobody.
    if (this.isWritten && error instanceof RequestTimeoutError) this.runtime.publisher.withdraw(this);
    this.callback({ err: error });
  }

  private replied(part: ReplyPart): void {
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
    this.runtime.pending.remove(this.id);
    this.callback({ err: error });
  }

  /** Nobody waits any more, so a server that has not read the request yet need not run it. */
  private deleteEntry(): void {
    const { entryId, runtime, stream } = this;
    if (entryId !== undefined) runtime.writer.client.xdel(stream, entryId).catch(() => undefined);
  }
}
