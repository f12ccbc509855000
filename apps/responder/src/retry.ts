import { setTimeout as delay } from 'node:timers/promises';
import { RedisStreamUnrecoverableError } from 'nestjs-redis-stream-transport';

const PAUSE_MS = 500;

/**
 * Repeats a failing step until it succeeds. Throws the last failure once `signal` aborts, and at once a failure that a
 * repetition cannot help.
 */
export const retry = async <T>(
  step: () => Promise<T>,
  signal: AbortSignal,
  canBeHelped = (error: unknown): boolean => !(error instanceof RedisStreamUnrecoverableError),
): Promise<T> => {
  for (;;) {
    try {
      return await step();
    } catch (error) {
      if (!canBeHelped(error)) throw error;
      await pauseAfter(error, PAUSE_MS, signal);
    }
  }
};

/** Throws the failure, not an AbortError, once `signal` aborts: it is the reason of what comes next. */
export const pauseAfter = async (failure: unknown, ms: number, signal: AbortSignal): Promise<void> => {
  await delay(ms, undefined, { signal }).catch(() => {
    throw failure;
  });
};
