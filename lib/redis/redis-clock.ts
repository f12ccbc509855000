import type { RedisClient } from '../interfaces/connection.js';

/** Time of the Redis server, so that ages of entries never depend on the clocks of two hosts agreeing. */
export class RedisClock {
  private aheadMs = 0;

  now(): number {
    return Date.now() + this.aheadMs;
  }

  /** A user without the right to ask for the time keeps the local clock. */
  async synchronise(client: RedisClient): Promise<void> {
    const asked = Date.now();
    const [seconds, micros] = await client.time();
    const answered = Date.now();
    this.aheadMs = Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000) - (asked + answered) / 2;
  }
}
