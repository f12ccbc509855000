import type { RedisClient } from '../interfaces/connection.js';
import { mastersOf } from './nodes.js';

/**
 * Time of the Redis server, so that ages of entries do not depend on the clocks of two hosts agreeing. Between two
 * synchronizations it is monotonic: a step of this host's clock changes nothing.
 */
export class RedisClock {
  /** Added to the monotonic clock. Until the first synchronization, this is the clock of this host as of startup. */
  private offsetMs = Date.now() - performance.now();

  /** Milliseconds since the epoch. */
  now(): number {
    return performance.now() + this.offsetMs;
  }

  /**
   * In a cluster the time of the master that answers first, since one may hang.
   * A slow call leaves the clock behind Redis, never ahead of it: ahead, it would expire requests that are still valid.
   * A user without the permission for TIME keeps the clock of this host.
   */
  async synchronise(client: RedisClient): Promise<void> {
    const [seconds, micros] = await Promise.any(mastersOf(client).map((master) => master.time()));
    this.offsetMs = Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000) - performance.now();
  }
}
