import { setTimeout as pause } from 'node:timers/promises';

export interface Patience {
  /** How long the condition may take, in milliseconds. */
  readonly within?: number;
  /** The pause between two attempts, in milliseconds. */
  readonly every?: number;
}

const DEFAULT_WITHIN_MS = 8_000;
const DEFAULT_EVERY_MS = 10;

/** Retries the probe until it stops throwing; after the deadline, throws its last error. */
export async function eventually<T>(probe: () => T | Promise<T>, patience: Patience = {}): Promise<T> {
  const deadline = performance.now() + (patience.within ?? DEFAULT_WITHIN_MS);
  for (;;) {
    try {
      return await probe();
    } catch (error) {
      if (performance.now() >= deadline) throw error;
    }
    await pause(patience.every ?? DEFAULT_EVERY_MS);
  }
}

/** Adds a deadline to a promise: a timeout rejects with an error that says what did not happen in time. */
export async function within<T>(ms: number, what: string, promise: PromiseLike<T>): Promise<T> {
  const timer = new AbortController();
  const expiry = pause(ms, undefined, { signal: timer.signal }).then(
    () => {
      throw new Error(`${what} did not happen within ${ms} ms`);
    },
    () => new Promise<never>(() => undefined),
  );
  try {
    return await Promise.race([promise, expiry]);
  } finally {
    timer.abort();
  }
}

/** Returns the outcome of a promise as a value, for tests that look at success and failure alike. */
export async function outcomeOf<T>(promise: PromiseLike<T>): Promise<{ value: T } | { error: unknown }> {
  try {
    return { value: await promise };
  } catch (error) {
    return { error };
  }
}
