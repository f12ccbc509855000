import type { Serializer } from '@nestjs/microservices';
import type { RequestAddress } from '../../codec/entry.codec.js';
import { encodePayload } from '../../codec/payload.js';
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
      const data = this.encode({ id: this.request.id, response: value, isDisposed: false }, 'response');
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
      err = this.encode({ id: this.request.id, err: error, isDisposed: true }, 'err');
    } catch {
      err = undefined;
    }
    this.put({ err: err ?? JSON.stringify(INTERNAL_ERROR), last: true });
  }

  private encode(
    packet: { id: string; response?: unknown; err?: unknown; isDisposed: boolean },
    name: 'response' | 'err',
  ): string | undefined {
    return encodePayload(packet, name, 'The reply', this.rules);
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
