import type { ReplyPart } from '../codec/entry.codec.js';
import {
  ReplyGapError,
  ReplyInterruptedError,
  RequestTimeoutError,
  TooManyPendingError,
} from '../errors/transport-errors.js';
import { DeadlineWheel } from '../timing/deadline-wheel.js';
import type { Deadline } from '../timing/deadline-wheel.js';

/** A caller that waits for a reply. `unanswered`, or a part with `last` or `err`, ends the wait. */
export interface ReplyListener {
  readonly pattern: string;
  /** 0 = no limit. Restarts with each part of the reply. */
  readonly timeoutMs: number;
  replied(part: ReplyPart): void;
  unanswered(error: Error): void;
}

interface Pending {
  readonly id: string;
  readonly listener: ReplyListener;
  nextSeq: number;
  /** The run whose first part was delivered. A reply without a run id counts as a run of its own. */
  run: string | undefined;
  deadline: Deadline | undefined;
}

/** Unanswered requests, bounded in number, each with its own time limit. */
export class PendingRequests {
  private readonly pending = new Map<string, Pending>();
  private readonly overdue = new DeadlineWheel<Pending>((request) => this.expire(request));

  constructor(
    private readonly maxPending: number,
    /** Called for a part, except the last, of a request that no caller waits for: the handler still runs. */
    private readonly stray: (id: string) => void = () => undefined,
  ) {}

  get size(): number {
    return this.pending.size;
  }

  /** @throws {TooManyPendingError} */
  add(id: string, listener: ReplyListener): void {
    if (this.pending.size >= this.maxPending) throw new TooManyPendingError(this.maxPending);
    const request: Pending = { id, listener, nextSeq: 0, run: undefined, deadline: undefined };
    this.pending.set(id, request);
    this.restartDeadline(request);
  }

  has(id: string): boolean {
    return this.pending.has(id);
  }

  /** Ends the wait without an outcome. */
  remove(id: string): boolean {
    const request = this.pending.get(id);
    if (request) this.end(request);
    return request !== undefined;
  }

  fail(id: string, error: Error): void {
    const request = this.pending.get(id);
    if (!request) return;
    this.end(request);
    request.listener.unanswered(error);
  }

  /** Fails the requests that wait now. A request that a listener adds meanwhile waits on, with its own deadline. */
  failAll(error: Error): void {
    const waiting = Array.from(this.pending.keys());
    this.overdue.clear();
    for (const id of waiting) this.fail(id, error);
  }

  /**
   * Passes a part to the listener of its request. Repeats, unknown ids and parts after the end are not errors. If
   * several runs of the handler answer, because its process died or a second group reads the stream, the caller gets
   * one complete run or an error, never a mixture.
   */
  deliver(part: ReplyPart): void {
    const request = this.pending.get(part.id);
    if (!request) {
      if (!isEnd(part)) this.stray(part.id);
      return;
    }
    const run = part.run ?? '';
    if (request.run !== undefined && request.run !== run) this.otherRun(request, part);
    else if (part.seq > request.nextSeq) {
      this.fail(part.id, new ReplyGapError(request.listener.pattern, request.nextSeq, part.seq));
    } else if (part.seq === request.nextSeq) {
      request.run = run;
      this.next(request, part);
    }
  }

  private next(request: Pending, part: ReplyPart): void {
    request.nextSeq++;
    if (isEnd(part)) this.end(request);
    else this.restartDeadline(request);
    request.listener.replied(part);
  }

  /** The end of any run settles the request, so the rest of the run that was being delivered may never come. */
  private otherRun({ id, listener }: Pending, part: ReplyPart): void {
    if (isEnd(part)) this.fail(id, new ReplyInterruptedError(listener.pattern));
  }

  private end(request: Pending): void {
    request.deadline?.cancel();
    this.pending.delete(request.id);
  }

  private restartDeadline(request: Pending): void {
    request.deadline?.cancel();
    if (request.listener.timeoutMs > 0) request.deadline = this.overdue.add(request, request.listener.timeoutMs);
  }

  private expire({ id, listener }: Pending): void {
    this.fail(id, new RequestTimeoutError(listener.pattern, listener.timeoutMs));
  }
}

const isEnd = (part: ReplyPart): boolean => part.last || part.err !== undefined;
