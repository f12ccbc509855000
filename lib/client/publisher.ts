import {
  PublishOutcomeUnknownError,
  PublishRejectedError,
  TooManyPendingError,
  TransportClosedError,
} from '../errors/transport-errors.js';
import type { RedisStreamError } from '../errors/transport-errors.js';
import type { Connection } from '../redis/connection.js';
import { runTogether } from '../redis/command-batch.js';
import { classify, withoutArguments } from '../redis/reply-error.js';
import { DeadlineWheel } from '../timing/deadline-wheel.js';
import type { Deadline } from '../timing/deadline-wheel.js';

const MAX_BATCH = 128;
const NOT_SENT_PAUSE_MS = 50;

/** A message on its way to Redis. `stored` and `failed` are called at most once, and never both. */
export interface Publication {
  readonly stream: string;
  /** Read when it is sent, and anew should it have to be kept for later after all. */
  readonly fields: readonly string[];
  stored(entryId: string): void;
  failed(error: RedisStreamError): void;
}

interface Waiting {
  readonly publication: Publication;
  /** By the monotonic clock; set once it has to wait, and not extended by attempts that come to nothing. */
  expiresAt: number | undefined;
  deadline: Deadline | undefined;
}

/**
 * Writes messages: those of one turn of the event loop leave in one call. Without a connection they wait, at most
 * `maxPending` of them and for `publishTimeoutMs`; nothing is ever sent twice.
 */
export class Publisher {
  private queue: Waiting[] = [];
  private scheduled = false;
  private closed = false;
  private readonly overdue: DeadlineWheel<Waiting>;

  constructor(
    private readonly connection: Connection,
    private readonly publishTimeoutMs: number,
    private readonly maxPending: number,
  ) {
    this.overdue = new DeadlineWheel((waiting) => this.giveUp(waiting));
  }

  publish(publication: Publication): void {
    if (this.closed) return publication.failed(new TransportClosedError());
    const waiting: Waiting = { publication, expiresAt: undefined, deadline: undefined };
    if (!this.connection.isReady) {
      if (this.queue.length >= this.maxPending) return publication.failed(new TooManyPendingError(this.maxPending));
      this.letWait(waiting);
    }
    this.queue.push(waiting);
    this.schedule();
  }

  /** Takes back a message that was not sent yet. */
  withdraw(publication: Publication): boolean {
    const at = this.queue.findIndex((waiting) => waiting.publication === publication);
    if (at < 0) return false;
    this.queue[at]?.deadline?.cancel();
    this.queue.splice(at, 1);
    return true;
  }

  /** The connection can be used (again). */
  resume(): void {
    this.schedule();
  }

  close(): void {
    this.closed = true;
    this.overdue.clear();
    const queue = this.queue;
    this.queue = [];
    for (const { publication } of queue) publication.failed(new TransportClosedError());
  }

  /** For a message that was taken while the connection still seemed to be there: the bound holds for it all the same. */
  private keep(waiting: Waiting): void {
    if (this.queue.length >= this.maxPending) {
      waiting.deadline?.cancel();
      waiting.publication.failed(new TooManyPendingError(this.maxPending));
      return;
    }
    this.letWait(waiting);
    this.queue.push(waiting);
  }

  private letWait(waiting: Waiting): void {
    waiting.expiresAt ??= performance.now() + this.publishTimeoutMs;
    waiting.deadline ??= this.overdue.add(waiting, Math.max(0, waiting.expiresAt - performance.now()));
  }

  private giveUp(waiting: Waiting): void {
    if (!this.withdraw(waiting.publication)) return;
    const waited = `\`publishTimeout\` (${this.publishTimeoutMs} ms)`;
    waiting.publication.failed(this.connection.unavailable(waited, 'store'));
  }

  private schedule(): void {
    if (this.scheduled || this.queue.length === 0) return;
    this.scheduled = true;
    // After the promises of this turn, so that all who were answered together can ask again together.
    setImmediate(() => {
      this.scheduled = false;
      this.flush();
    });
  }

  private flush(): void {
    const queue = this.queue;
    this.queue = [];
    if (!this.connection.isReady) {
      for (const waiting of queue) this.keep(waiting);
      return;
    }
    for (let at = 0; at < queue.length; at += MAX_BATCH) {
      const batch = queue.slice(at, at + MAX_BATCH);
      for (const waiting of batch) {
        waiting.deadline?.cancel();
        waiting.deadline = undefined;
      }
      this.send(batch);
    }
  }

  private send(batch: readonly Waiting[]): void {
    const open = new Set(batch);
    const silence = setTimeout(() => {
      const error = new Error(`no answer within \`publishTimeout\` (${this.publishTimeoutMs} ms)`);
      for (const waiting of open) this.fail(waiting, error);
      open.clear();
    }, this.publishTimeoutMs);
    const settle = (waiting: Waiting, error: unknown, entryId: unknown): void => {
      if (!open.delete(waiting)) return;
      if (open.size === 0) clearTimeout(silence);
      if (error) this.fail(waiting, error);
      else waiting.publication.stored(String(entryId));
    };
    if (this.connection.isCluster || batch.length === 1) this.sendOneByOne(batch, settle);
    else this.sendTogether(batch, settle);
  }

  private sendOneByOne(batch: readonly Waiting[], settle: Settle): void {
    for (const waiting of batch) {
      const { stream, fields } = waiting.publication;
      this.connection.client.xadd(stream, '*', ...fields).then(
        (entryId) => settle(waiting, null, entryId),
        (error: unknown) => settle(waiting, error, null),
      );
    }
  }

  private sendTogether(batch: readonly Waiting[], settle: Settle): void {
    const commands = batch.map(({ publication }) => ['XADD', publication.stream, '*', ...publication.fields]);
    runTogether(this.connection.client, commands).then(
      (results) => batch.forEach((waiting, i) => settle(waiting, results[i]?.[0], results[i]?.[1])),
      (error: unknown) => batch.forEach((waiting) => settle(waiting, error, null)),
    );
  }

  private fail(waiting: Waiting, error: unknown): void {
    const { publication } = waiting;
    const cause = withoutArguments(error);
    switch (classify(error)) {
      case 'lost':
      case 'defect':
        publication.failed(new PublishOutcomeUnknownError(publication.stream, cause));
        return;
      case 'not-sent':
        if (this.closed) publication.failed(new TransportClosedError());
        else {
          this.keep(waiting);
          // The socket is closing, but its connection does not know yet. `resume` comes first where all goes well.
          setTimeout(() => this.schedule(), NOT_SENT_PAUSE_MS).unref();
        }
        return;
      case 'retry':
      case 'reconnect':
        publication.failed(new PublishRejectedError(publication.stream, cause, true));
        return;
      case 'rejoin':
      case 'reject':
      case 'fatal':
        publication.failed(new PublishRejectedError(publication.stream, cause, false));
    }
  }
}

type Settle = (waiting: Waiting, error: unknown, entryId: unknown) => void;
