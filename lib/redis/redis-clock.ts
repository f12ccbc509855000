import type { RedisClient } from '../interfaces/connection.js';

/**
 * Time of the Redis server, so that ages of entries never depend on the clocks of two hosts agreeing. Between two
 * synchronisations it counts monotonically: a step of this host's clock changes nothing.
 */
export class RedisClock {
  /** Added to the monotonic clock. Until the server was asked, it is the clock of this host as it was at the start. */
  private offsetMs = Date.now() - performance.now();

  /** Milliseconds since the epoch. */
  now(): number {
    return performance.now() + this.offsetMs;
  }

  /**
   * The time is as old as its answer may be: a call that was long under way leaves the clock behind, never ahead of Redis, where
   * it would let what is valid expire. A user without the right to ask for the time keeps the clock of this host.
   */
  async synchronise(client: RedisClient): Promise<void> {
    const [seconds, micros] = await client.time();
    this.offsetMs = Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000) - performance.now();
  }
}
