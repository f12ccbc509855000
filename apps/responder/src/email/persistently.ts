import { setTimeout as delay } from 'node:timers/promises';

const PAUSE_MS = 500;

/** Repeats a failing step until it succeeds. Throws the last failure once `signal` aborts. */
export const persistently = async (step: () => Promise<void>, signal: AbortSignal): Promise<void> => {
  for (;;) {
    try {
      return await step();
    } catch (error) {
      await delay(PAUSE_MS, undefined, { signal }).catch(() => {
        throw error;
      });
    }
  }
};
