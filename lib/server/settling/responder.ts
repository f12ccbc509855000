import type { Serializer } from '@nestjs/microservices';
import { v4 as uuid } from 'uuid';
import type { ReplyPart, RequestAddress } from '../../codec/entry.codec.js';
import { encodePayload } from '../../codec/payload.js';
import { MAX_WAITING_REPLY_BYTES, MAX_WAITING_REPLY_PARTS } from '../../constants.js';
import { RequestCancelledError } from '../../errors/transport-errors.js';
import { replyStreamKey } from '../../topology/keys.js';
import type { ActiveRun, HeldEntry } from '../holding/held-entry.js';
import type { Settler } from './settler.js';

/** What Nest's exception filter turns an unknown error into. */
const INTERNAL_ERROR = { status: 'error', message: 'Internal server error' };

/** A client whose reply stream was lost creates it again within this; until then the reply is kept and retried. */
const REFUSED_PATIENCE_MS = 1_000;

export interface ReplyRules {
  readonly prefix: string;
  readonly maxPayloadBytes: number;
  readonly serializer: Serializer | undefined;
}

/** A part of a reply. Until it is sent, it can still be marked as the last one. */
export type OutgoingReply = { -readonly [K in keyof ReplyPart]: ReplyPart[K] } & { isSent: boolean };

/** Creates the responders of one server. */
export class Responders {
  constructor(
    private readonly settler: Settler,
    private readonly rules: ReplyRules,
  ) {}

  /** @param run is cancelled when the caller can no longer be answered */
  of(entry: HeldEntry, request: RequestAddress, run?: Pick<ActiveRun, 'cancel'>): Responder {
    return new Responder(entry.groupStream.stream, request, this.settler, this.rules, run);
  }
}

/** Shared by all responders with nothing to write: most of them write a single part, and need only one list for it. */
const NOTHING: OutgoingReply[] = [];

/**
 * Answers one request: values in order, then the end or an error, then the ack of its entry. The end is sent with
 * the last value if both leave in the same turn, so that a plain handler costs one entry in the reply stream.
 *
 * Parts wait here for their turn. A source that produces them faster than Redis takes them cannot be paused, so the
 * waiting parts are bounded: beyond the bound, the reply fails.
 */
export class Responder {
  readonly key: string;
  /** Whether the settler knows that parts wait here. */
  isQueued = false;

  private seq = 0;
  private waiting = NOTHING;
  private waitingBytes = 0;
  private isOver = false;
  private isDropped = false;
  /** Distinguishes the parts of this run from those of another; a reply of a single part has none. */
  private runId: string | undefined;
  private refusedAt: number | undefined;
  private entry: HeldEntry | undefined;

  constructor(
    readonly stream: string,
    private readonly request: RequestAddress,
    private readonly settler: Settler,
    private readonly rules: ReplyRules,
    private readonly run: Pick<ActiveRun, 'cancel'> | undefined,
  ) {
    this.key = replyStreamKey(rules.prefix, request.inbox);
  }

  get requestId(): string {
    return this.request.id;
  }

  get hasParts(): boolean {
    return this.waiting.length > 0;
  }

  /** @returns whether the reply takes more values; if not, it has failed */
  value(value: unknown): boolean {
    if (this.isOver) return false;
    if (this.waiting.length >= MAX_WAITING_REPLY_PARTS || this.waitingBytes >= MAX_WAITING_REPLY_BYTES) {
      const bound = `${MAX_WAITING_REPLY_PARTS} values or ${MAX_WAITING_REPLY_BYTES} bytes`;
      this.failed({ status: 'error', message: `The reply has more than ${bound} waiting for Redis` });
      return false;
    }
    try {
      this.put({ data: this.encode({ id: this.request.id, response: value, isDisposed: false }, 'response') });
      return true;
    } catch (error) {
      // The message says what is wrong with the payload, and never quotes it.
      this.failed({ status: 'error', message: (error as Error).message });
      return false;
    }
  }

  done(): void {
    if (this.isOver) return;
    this.isOver = true;
    const latest = this.waiting.at(-1);
    if (latest && !latest.isSent) latest.last = true;
    else this.put({ last: true });
  }

  failed(error: unknown): void {
    if (this.isOver) return;
    this.isOver = true;
    let err: string | undefined;
    try {
      err = this.encode({ id: this.request.id, err: error, isDisposed: true }, 'err');
    } catch {
      err = undefined;
    }
    this.put({ err: err ?? JSON.stringify(INTERNAL_ERROR), last: true });
  }

  /** Acks the entry once the reply is written or given up. */
  settle(entry: HeldEntry): void {
    entry.settle(this.waitingBytes);
    if (this.hasParts) this.entry = entry;
    else this.settler.enqueueAck(entry);
  }

  /** Discards the waiting parts; nothing more is written. */
  drop(): void {
    this.isOver = true;
    this.isDropped = true;
    this.waiting = NOTHING;
    this.waitingBytes = 0;
    this.finish();
  }

  /** Removes up to `count` parts, and no more than `bytes` except for the first one, and marks them as sent. */
  take(count: number, bytes: number): OutgoingReply[] {
    let taken = 0;
    let size = 0;
    for (; taken < count && taken < this.waiting.length; taken++) {
      size += sizeOf(this.waiting[taken]);
      if (taken > 0 && size > bytes) break;
    }
    const parts = this.takeFirst(taken);
    for (const part of parts) {
      this.waitingBytes -= sizeOf(part);
      part.isSent = true;
      if (part.seq > 0 || !part.last) part.run = this.runId ??= uuid();
    }
    return parts;
  }

  /** No part waits any more: acks the entry, if the run is over. */
  finish(): void {
    const { entry } = this;
    this.entry = undefined;
    if (entry) this.settler.enqueueAck(entry);
  }

  /** Puts parts that were not written back in front of the waiting ones. */
  putBack(parts: readonly OutgoingReply[]): void {
    if (this.isDropped) return;
    this.waiting = [...parts, ...this.waiting];
    for (const part of parts) this.waitingBytes += sizeOf(part);
  }

  written(): void {
    this.refusedAt = undefined;
  }

  /** A part found no reply stream or no memory. @returns whether it is worth another try */
  refused(): boolean {
    this.refusedAt ??= performance.now();
    return performance.now() - this.refusedAt < REFUSED_PATIENCE_MS;
  }

  /** The caller can no longer be answered: discards the waiting parts, and cancels the run if it is not over. */
  giveUp(why: string): void {
    this.drop();
    this.run?.cancel(new RequestCancelledError(why));
  }

  private takeFirst(count: number): OutgoingReply[] {
    const { waiting } = this;
    if (count < waiting.length) return waiting.splice(0, count);
    this.waiting = NOTHING;
    return waiting;
  }

  private encode(
    packet: { id: string; response?: unknown; err?: unknown; isDisposed: boolean },
    name: 'response' | 'err',
  ): string | undefined {
    return encodePayload(packet, name, 'The reply', this.rules);
  }

  private put({ data, err, last = false }: { data?: string; err?: string; last?: boolean }): void {
    const part: OutgoingReply = { id: this.request.id, seq: this.seq++, data, err, last, isSent: false };
    if (this.waiting === NOTHING) this.waiting = [part];
    else this.waiting.push(part);
    this.waitingBytes += sizeOf(part);
    this.settler.offer(this);
  }
}

/** In characters, which is near enough for a bound. */
export const sizeOf = (part: ReplyPart | undefined): number => part?.data?.length ?? part?.err?.length ?? 0;
