import type { Connection } from '../redis/connection.js';
import { replyCode, withoutArguments } from '../redis/reply-error.js';
import { cancelRequests } from '../redis/scripts.js';
import type { CancelledRequest } from '../redis/scripts.js';

const MAX_REQUESTS = 500;

/**
 * Takes back requests whose callers wait no more: they are deleted, and announced where a server has read them, so that it
 * stops the handler. Those of one turn of the event loop travel together.
 */
export class RequestCanceller {
  private waiting = new Map<string, CancelledRequest[]>();
  private readonly underWay = new Set<Promise<void>>();
  private isScheduled = false;
  /** Whether the user may only delete. */
  private isPlain = false;

  constructor(
    private readonly writer: Connection,
    private readonly channel: string,
    private readonly inform: (message: string) => void,
  ) {}

  cancel(stream: string, request: CancelledRequest): void {
    const others = this.waiting.get(stream);
    if (others) others.push(request);
    else this.waiting.set(stream, [request]);
    if (this.isScheduled) return;
    this.isScheduled = true;
    setImmediate(() => {
      this.isScheduled = false;
      this.send();
    });
  }

  /** Resolves when Redis has answered all that was cancelled so far. */
  async flushed(): Promise<void> {
    this.send();
    await Promise.all(this.underWay);
  }

  private send(): void {
    const streams = this.waiting;
    this.waiting = new Map();
    // Without a connection they stay: servers do not run a request that is older than its ttl.
    if (!this.writer.isReady) return;
    for (const [stream, requests] of streams) {
      for (let at = 0; at < requests.length; at += MAX_REQUESTS)
        this.track(stream, requests.slice(at, at + MAX_REQUESTS));
    }
  }

  private track(stream: string, requests: readonly CancelledRequest[]): void {
    const work = this.takeBack(stream, requests)
      .catch(() => undefined)
      .finally(() => this.underWay.delete(work));
    this.underWay.add(work);
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
      return !this.refused(withoutArguments(error));
    }
  }

  /** @returns whether it was for want of rights */
  private refused({ message }: Error): boolean {
    const isForbidden = replyCode(message) === 'NOPERM';
    if (isForbidden && !this.isPlain) {
      this.isPlain = true;
      this.inform(
        `Handlers of cancelled requests stop with the next renewal of their lease, not at once: Redis does not let this client run XPENDING and PUBLISH to "${this.channel}" in a script (${message}). docs/operations.md lists the rights of a caller.`,
      );
    }
    return isForbidden;
  }
}
