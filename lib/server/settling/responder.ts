import type { Serializer } from '@nestjs/microservices';
import { v4 as uuid } from 'uuid';
import type { ReplyPart, RequestAddress } from '../../codec/entry.codec.js';
import { encodePayload } from '../../codec/payload.js';
import { MAX_WAITING_REPLY_BYTES, MAX_WAITING_REPLY_PARTS } from '../../constants.js';
import { RequestCancelledError } from '../../errors/transport-errors.js';
import { replyStreamKey } from '../../topology/keys.js';
import type { ActiveRun, HeldEntry } from '../holding/held-entry.js';
import type { Settler } from './settler.js';

/** What Nest's exception filter makes of an error that it does not know. */
const INTERNAL_ERROR = { status: 'error', message: 'Internal server error' };

/** A client whose reply stream was lost makes it anew within this; until then its reply is kept and written again. */
const REFUSED_PATIENCE_MS = 1_000;

export interface ReplyRules {
  readonly prefix: string;
  readonly maxPayloadBytes: number;
  readonly serializer: Serializer | undefined;
}

/** A part of a reply on its way. Until it is sent, it can still become the last one. */
export type OutgoingReply = { -readonly [K in keyof ReplyPart]: ReplyPart[K] } & { isSent: boolean };

/** Makes the responders of one server. */
export class Responders {
  constructor(
    private readonly settler: Settler,
    private readonly rules: ReplyRules,
  ) {}

  /** @param run cancelled when the caller turns out to be gone */
  of(entry: HeldEntry, request: RequestAddress, run?: Pick<ActiveRun, 'cancel'>): Responder {
    return new Responder(entry.groupStream.stream, request, this.settler, this.rules, run);
  }
}

/** Shared by all responders that have nothing to write: most have one part in their life, and one list for it. */
const NOTHING: OutgoingReply[] = [];

/**
 * Answers one request: values in order, then the end or an error, then the ack of its entry. The end rides on the last
 * value where both leave in the same turn, so that a plain handler costs one entry.
 *
 * Parts wait here until their turn comes. A source that produces them faster than Redis takes them cannot be paused, so
 * what waits is bounded: beyond that the reply fails.
 */
export class Responder {
  readonly key: string;
  /** Whether the settler knows that something waits here. */
  isQueued = false;

  private seq = 0;
  private waiting = NOTHING;
  private waitingBytes = 0;
  private isOver = false;
  private isDropped = false;
  /** Tells the parts of this run from those of another; a reply that is complete in one part has none. */
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

  /** @returns whether more values are welcome; if not, the reply has failed */
  value(value: unknown): boolean {
    if (this.isOver) return false;
    if (this.waiting.length >= MAX_WAITING_REPLY_PARTS || this.waitingBytes >= MAX_WAITING_REPLY_BYTES) {
      const bound = `${MAX_WAITING_REPLY_PARTS} values or ${MAX_WAITING_REPLY_BYTES} bytes`;
      this.failed({ status: 'error', message: `The reply has more waiting for Redis than ${bound}` });
      return false;
    }
    try {
      this.put({ data: this.encode({ id: this.request.id, response: value, isDisposed: false }, 'response') });
      return true;
    } catch (error) {
      // The payload stays out of it; what is wrong with it does not.
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

  /** Has the entry acked once the reply is written, or was given up. */
  settle(entry: HeldEntry): void {
    entry.settle(this.waitingBytes);
    if (this.hasParts) this.entry = entry;
    else this.settler.enqueueAck(entry);
  }

  /** Nothing more is written. */
  drop(): void {
    this.isOver = true;
    this.isDropped = true;
    this.waiting = NOTHING;
    this.waitingBytes = 0;
    this.finish();
  }

  /** Up to `count` parts, and no more than `bytes` but for the first. They are on their way then. */
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

  /** Nothing waits any more: now its entry may be acked, if the run is over. */
  finish(): void {
    const { entry } = this;
    this.entry = undefined;
    if (entry) this.settler.enqueueAck(entry);
  }

  /** These were not written; they go before whatever waits. */
  putBack(parts: readonly OutgoingReply[]): void {
    if (this.isDropped) return;
    this.waiting = [...parts, ...this.waiting];
    for (const part of parts) this.waitingBytes += sizeOf(part);
  }

  written(): void {
    this.refusedAt = undefined;
  }

  /** Redis had no place for a part. @returns whether it is worth another try */
  refused(): boolean {
    this.refusedAt ??= performance.now();
    return performance.now() - this.refusedAt < REFUSED_PATIENCE_MS;
  }

  /** The caller can never be answered: drops what waits, and ends the run if there still is one. */
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
