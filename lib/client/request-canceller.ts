import type { Connection } from '../redis/connection.js';
import { portions } from '../redis/portions.js';
import { classify, replyCode, withoutArguments } from '../redis/reply-error.js';
import { cancelRequests } from '../redis/scripts.js';
import type { CancelledRequest } from '../redis/scripts.js';

const MAX_REQUESTS = 500;
/** Cancellations that may wait for a connection; beyond that, only the ttl keeps servers from running a request. */
const MAX_WAITING = 10_000;
/** A run that goes on although it was cancelled is cancelled again after this. */
const TELL_AGAIN_MS = 1_000;
const MAX_TOLD = 1_000;

/**
 * Cancels requests whose callers have stopped waiting. The requests are deleted, and those that a server has read are
 * announced, so that the server stops the handler. Cancellations of one turn of the event loop are sent together.
 * Without a connection they wait.
 */
export class RequestCanceller {
  private waiting = new Map<string, CancelledRequest[]>();
  private waitingCount = 0;
  /** When each request was last cancelled, newest at the end (monotonic clock). */
  private readonly told = new Map<string, number>();
  private readonly underWay = new Set<Promise<void>>();
  private isScheduled = false;
  /** Whether the Redis user has only the permission to delete. */
  private isPlain = false;

  constructor(
    private readonly writer: Connection,
    private readonly channel: string,
    private readonly inform: (message: string) => void,
  ) {}

  cancel(stream: string, request: CancelledRequest): void {
    if (this.waitingCount >= MAX_WAITING) return;
    this.waitingCount++;
    this.note(request.requestId);
    const others = this.waiting.get(stream);
    if (others) others.push(request);
    else this.waiting.set(stream, [request]);
    this.schedule();
  }

  /**
   * Stops a handler that answers a request that no caller waits for: the cancellation was lost, or came before the
   * entry id was known.
   */
  stop(requestId: string): void {
    const toldAt = this.told.get(requestId);
    if (this.isPlain || (toldAt !== undefined && performance.now() - toldAt < TELL_AGAIN_MS)) return;
    this.note(requestId);
    const message = JSON.stringify({ kind: 'cancel', id: requestId });
    this.writer.client.publish(this.channel, message).catch((error: unknown) => this.refused(withoutArguments(error)));
  }

  /** The connection can be used again. */
  resume(): void {
    if (this.waitingCount > 0) this.schedule();
  }

  private schedule(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    setImmediate(() => {
      this.isScheduled = false;
      this.send();
    });
  }

  private note(requestId: string): void {
    this.told.delete(requestId);
    this.told.set(requestId, performance.now());
    if (this.told.size > MAX_TOLD) for (const oldest of this.told.keys()) return void this.told.delete(oldest);
  }

  /** Resolves when Redis has answered all cancellations so far. */
  async flushed(): Promise<void> {
    this.send();
    await Promise.all(this.underWay);
  }

  private send(): void {
    if (!this.writer.isReady) return;
    const streams = this.waiting;
    this.waiting = new Map();
    this.waitingCount = 0;
    for (const [stream, requests] of streams) {
      for (const portion of portions(requests, MAX_REQUESTS)) this.track(stream, portion);
    }
  }

  private track(stream: string, requests: readonly CancelledRequest[]): void {
    const work = this.takeBack(stream, requests)
      .catch((error: unknown) => this.keep(stream, requests, error))
      .finally(() => this.underWay.delete(work));
    this.underWay.add(work);
  }

  /** Queues cancellations that may be lost. Deleting and announcing twice does no harm. */
  private keep(stream: string, requests: readonly CancelledRequest[], error: unknown): void {
    const kind = classify(error);
    if (kind === 'lost' || kind === 'not-sent') for (const request of requests) this.cancel(stream, request);
  }

  private async takeBack(stream: string, requests: readonly CancelledRequest[]): Promise<void> {
    const { client } = this.writer;
    if (!this.isPlain && (await this.announce(stream, requests))) return;
    await client.xdel(stream, ...requests.map(({ entryId }) => entryId));
  }

  /** @returns whether the entries are deleted */
  private async announce(stream: string, requests: readonly CancelledRequest[]): Promise<boolean> {
    try {
      const refused = await cancelRequests(this.writer.client, stream, this.channel, requests);
      if (refused !== undefined) this.refused(new Error(refused));
      return true;
    } catch (error) {
      if (this.refused(withoutArguments(error))) return false;
      throw error;
    }
  }

  /** @returns whether a permission is missing */
  private refused({ message }: Error): boolean {
    const isForbidden = replyCode(message) === 'NOPERM';
    if (isForbidden && !this.isPlain) {
      this.isPlain = true;
      this.inform(
        `Handlers of cancelled requests stop at the next renewal of their lease, not at once: Redis does not let this client run XPENDING and PUBLISH to "${this.channel}" in a script (${message}). docs/operations.md lists the rights of a caller.`,
      );
    }
    return isForbidden;
  }
}
