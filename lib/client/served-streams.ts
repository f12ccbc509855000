import { UNSERVED_GRACE_MS } from '../constants.js';
import type { RedisClient } from '../interfaces/connection.js';
import { classify } from '../redis/reply-error.js';

const POLL_MS = 50;

/**
 * Knows which streams somebody reads. A request to any other would wait for its whole timeout although nobody is
 * there to say so: streams have no subscribers to count, but a server creates its groups before it listens.
 */
export class ServedStreams {
  private readonly served = new Set<string>();
  private readonly probes = new Map<string, Promise<boolean>>();

  constructor(private readonly client: RedisClient) {}

  isKnown(stream: string): boolean {
    return this.served.has(stream);
  }

  /** Whether a consumer group reads the stream, or is there within a moment: servers start beside their clients. */
  check(stream: string): Promise<boolean> {
    let probe = this.probes.get(stream);
    if (!probe) {
      probe = this.probe(stream).finally(() => this.probes.delete(stream));
      this.probes.set(stream, probe);
    }
    return probe;
  }

  private async probe(stream: string): Promise<boolean> {
    const end = performance.now() + UNSERVED_GRACE_MS;
    while (!(await this.hasGroup(stream))) {
      if (performance.now() >= end) return false;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    this.served.add(stream);
    return true;
  }

  private async hasGroup(stream: string): Promise<boolean> {
    try {
      return ((await this.client.xinfo('GROUPS', stream)) as unknown[]).length > 0;
    } catch (error) {
      // Redis says "no such key" as a plain ERR. Whoever may not ask, or cannot now, waits for a reply instead.
      return classify(error) !== 'reject' || !/no such key/i.test((error as Error).message);
    }
  }
}
