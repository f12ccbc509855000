import { integerFrom, parts, time } from './kinds.js';
import { optional, resolve } from './schema.js';
import type { Kind, OptionsOf, SettingsOf } from './schema.js';
import { MAX_TIME_MS } from '../timing/time.js';

/** The options of `Backoff`. */
export const BACKOFF_OPTIONS = {
  /**
   * Delay before the second attempt, in ms; doubles with each further attempt.
   * @default 1_000
   * @minimum 0
   * @maximum 2_147_483_647
   */
  delay: optional(time(0), 1_000),
  /**
   * Upper bound of the delay, in ms; at least `delay`.
   * @default 60_000
   * @minimum 0
   * @maximum 2_147_483_647
   */
  maxDelay: optional(time(0), 60_000),
};

/** Exponential backoff with jitter between the attempts of one entry. */
export interface Backoff extends OptionsOf<typeof BACKOFF_OPTIONS> {}

export interface BackoffSettings extends SettingsOf<typeof BACKOFF_OPTIONS> {}

export const DEFAULT_BACKOFF: BackoffSettings = resolve(BACKOFF_OPTIONS, {}, '');

/** Where `maxDelay` is omitted, a larger `delay` raises it. An explicit `maxDelay` must be at least `delay`. */
export const backoff: Kind<Backoff, BackoffSettings> = parts(
  BACKOFF_OPTIONS,
  ({ delayMs, maxDelayMs }, path, { maxDelay }) =>
    Object.freeze({
      delayMs,
      maxDelayMs:
        maxDelay === undefined
          ? Math.max(delayMs, maxDelayMs)
          : integerFrom(maxDelay, `${path}.maxDelay`, { minimum: delayMs, maximum: MAX_TIME_MS }),
    }),
);
