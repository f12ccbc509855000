import { setTimeout as delay } from 'node:timers/promises';

const PAUSE_MS = 500;

/** Repeats what fails until it succeeds, or until `signal` aborts, and then throws the last failure. */
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
