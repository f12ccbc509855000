import { MAX_AGE_MS } from '../timing/time.js';
import { integer, parts, time } from './kinds.js';
import { optional, resolve } from './schema.js';
import type { Kind, OptionsOf, SettingsOf } from './schema.js';

/** The options of `Retention`. */
export const RETENTION_OPTIONS = {
  /**
   * Keep at least this many of the newest entries.
   * @default 10_000
   * @minimum 0
   */
  maxLength: optional(integer(0), 10_000),
  /**
   * Drop settled entries older than this, in ms, even if there are fewer than `maxLength`; at most ten years.
   * @default none
   * @minimum 1
   * @maximum 315_360_000_000
   */
  maxAge: optional(time(1, MAX_AGE_MS), undefined),
};

/** Which entries stay readable in a stream after every group has settled them. */
export interface Retention extends OptionsOf<typeof RETENTION_OPTIONS> {}

export interface RetentionSettings extends SettingsOf<typeof RETENTION_OPTIONS> {}

export const DEFAULT_RETENTION: RetentionSettings = resolve(RETENTION_OPTIONS, {}, '');

export const retention: Kind<Retention, RetentionSettings> = parts(RETENTION_OPTIONS);
