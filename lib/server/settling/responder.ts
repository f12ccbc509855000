import type { Serializer } from '@nestjs/microservices';
import { encodeJson } from '../../codec/entry.codec.js';
import type { RequestAddress } from '../../codec/entry.codec.js';
import { replyStreamKey } from '../../topology/keys.js';
import type { OutgoingReply, Settler } from './settler.js';

/** What Nest's exception filter makes of an error that it does not know. */
const INTERNAL_ERROR = { status: 'error', message: 'Internal server error' };

export interface ReplyRules {
  readonly prefix: string;
  readonly maxPayloadBytes: number;
  readonly serializer: Serializer | undefined;
}

/**
 * Answers one request: values in order, then the end or an error. The end rides on the last value where both leave in
 * the same turn, so that a plain handler costs one entry.
 */
export class Responder {
  private seq = 0;
  private latest: OutgoingReply | undefined;
  private isOver = false;

  constructor(
    private readonly stream: string,
    private readonly request: RequestAddress,
    private readonly settler: Settler,
    private readonly rules: ReplyRules,
  ) {}

  value(value: unknown): void {
    if (this.isOver) return;
    try {
      const data = this.encode({ response: value, isDisposed: false }, 'response');
      this.put({ data });
    } catch (error) {
      // The payload stays out of it; what is wrong with it does not.
      this.failed({ status: 'error', message: (error as Error).message });
    }
  }

  done(): void {
    if (this.isOver) return;
    this.isOver = true;
    if (this.latest && !this.latest.isSent) this.latest.last = true;
    else this.put({ last: true });
  }

  failed(error: unknown): void {
    if (this.isOver) return;
    this.isOver = true;
    let err: string | undefined;
    try {
      err = this.encode({ err: error, isDisposed: true }, 'err');
    } catch {
      err = undefined;
    }
    this.put({ err: err ?? JSON.stringify(INTERNAL_ERROR), last: true });
  }

  private encode(
    packet: { response?: unknown; err?: unknown; isDisposed: boolean },
    name: 'response' | 'err',
  ): string | undefined {
    const { serializer, maxPayloadBytes } = this.rules;
    if (!serializer) return encodeJson(packet[name], 'The reply', maxPayloadBytes);
    const serialized: unknown = serializer.serialize({ ...packet, id: this.request.id });
    if (typeof serialized === 'string') return serialized;
    return encodeJson((serialized as Record<string, unknown>)[name], 'The reply', maxPayloadBytes);
  }

  private put(part: { data?: string; err?: string; last?: boolean }): void {
    this.latest = {
      id: this.request.id,
      seq: this.seq++,
      data: part.data,
      err: part.err,
      last: part.last ?? false,
      isSent: false,
    };
    this.settler.reply(this.stream, replyStreamKey(this.rules.prefix, this.request.inbox), this.latest);
  }
}
