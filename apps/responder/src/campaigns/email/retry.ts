import { setTimeout as delay } from 'node:timers/promises';
import { RedisStreamUnrecoverableError } from 'nestjs-redis-stream-transport';

const PAUSE_MS = 500;

/**
 * Repeats a failing step until it succeeds. Throws the last failure once `signal` aborts, and at once a failure that a
 * repetition cannot help.
 */
export const retry = async (step: () => Promise<void>, signal: AbortSignal): Promise<void> => {
  for (;;) {
    try {
      return await step();
    } catch (error) {
      if (error instanceof RedisStreamUnrecoverableError) throw error;
      await delay(PAUSE_MS, undefined, { signal }).catch(() => {
        throw error;
      });
    }
  }
};
