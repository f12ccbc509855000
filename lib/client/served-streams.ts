import { LOST_GROUP_GRACE_MS, UNSERVED_GRACE_MS } from '../constants.js';
import type { RedisClient } from '../interfaces/connection.js';
import { classify } from '../redis/reply-error.js';

const POLL_MS = 50;
/** An answer is valid for this long plus up to as long again, so that streams are not all checked at once. */
const KNOWN_MS = 30_000;
const MAX_KNOWN = 10_000;

/** A caller that waits for a group to appear. */
interface Waiter {
  readonly end: number;
  settle(isServed: boolean): void;
}

/**
 * Knows which streams a consumer group reads. A request to any other stream would wait for its whole timeout. A stream
 * has no subscribers to count, but a server creates its groups before it listens.
 */
export class ServedStreams {
  /** Streams that are read, with the time to check again. */
  private readonly known = new Map<string, number>();
  /** Streams that a group has read at some time. */
  private readonly former = new Set<string>();
  private readonly waiting = new Map<string, Set<Waiter>>();

  constructor(private readonly client: RedisClient) {}

  /** Checks again in the background from time to time: groups and streams may be removed. */
  isKnown(stream: string, now = performance.now()): boolean {
    const until = this.known.get(stream);
    if (until === undefined) return false;
    if (now >= until) void this.askAgain(stream);
    return true;
  }

  /** The next request to this stream checks first. */
  doubt(stream: string): void {
    this.known.delete(stream);
  }

  /**
   * Whether a consumer group reads the stream, or will in a moment, since servers may start together with their
   * clients. The answer comes within half of `patienceMs` (0 = no limit), before the caller gives up.
   */
  check(stream: string, patienceMs: number): Promise<boolean> {
    const longestMs = this.former.has(stream) ? LOST_GROUP_GRACE_MS : UNSERVED_GRACE_MS;
    const graceMs = patienceMs > 0 ? Math.min(longestMs, patienceMs / 2) : longestMs;
    return new Promise((settle) => {
      const waiter = { end: performance.now() + graceMs, settle };
      const others = this.waiting.get(stream);
      if (others) return void others.add(waiter);
      const waiters = new Set([waiter]);
      this.waiting.set(stream, waiters);
      void this.poll(stream, waiters);
    });
  }

  /** One query at a time, for any number of waiters. */
  private async poll(stream: string, waiters: Set<Waiter>): Promise<void> {
    while (waiters.size > 0) {
      const isServed = await this.hasGroup(stream);
      if (isServed) this.remember(stream);
      const now = performance.now();
      for (const waiter of waiters) {
        if (!isServed && now < waiter.end) continue;
        waiters.delete(waiter);
        waiter.settle(isServed);
      }
      if (waiters.size > 0) await pause(Math.min(POLL_MS, Math.max(1, earliest(waiters) - now)));
    }
    this.waiting.delete(stream);
  }

  private async askAgain(stream: string): Promise<void> {
    this.remember(stream);
    if (!(await this.hasGroup(stream))) this.known.delete(stream);
  }

  private remember(stream: string): void {
    if (this.known.size >= MAX_KNOWN) this.known.clear();
    if (this.former.size >= MAX_KNOWN) this.former.clear();
    this.former.add(stream);
    this.known.set(stream, performance.now() + KNOWN_MS * (1 + Math.random()));
  }

  private async hasGroup(stream: string): Promise<boolean> {
    try {
      return ((await this.client.xinfo('GROUPS', stream)) as unknown[]).length > 0;
    } catch (error) {
      // Redis reports "no such key" as a plain ERR. A client that has no permission to ask, or cannot ask now, waits
      // for a reply instead.
      return classify(error) !== 'reject' || !/no such key/i.test((error as Error).message);
    }
  }
}

const earliest = (waiters: ReadonlySet<Waiter>): number => {
  let end = Infinity;
  for (const waiter of waiters) end = Math.min(end, waiter.end);
  return end;
};

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
