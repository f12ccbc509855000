import { hostname } from 'node:os';
import { v4 as uuid } from 'uuid';
import type { ServerEvents } from '../interfaces/events.js';
import { DAY_MS, MAX_AGE_MS } from '../timing/time.js';
import { backoff, DEFAULT_BACKOFF } from './backoff.js';
import { callback, integer, name, text, time, timeOrNever } from './kinds.js';
import { DEFAULT_RETENTION, retention } from './retention.js';
import { computed, optional, required } from './schema.js';
import type { OptionsOf } from './schema.js';
import type { SharedOption } from './shared-options.js';

export const startFrom = text("'0', '$' or an entry id", (value) => /^(0|\$|\d+(-\d+)?)$/.test(value));

/** The options of `RedisStreamServerOption`, beside the shared ones. An option is written here and nowhere else. */
export const SERVER_OPTIONS = {
  /** Consumer group of every handler that names none of its own. Instances with the same group share the load. */
  consumerGroup: required(name()),
  /**
   * Name of this consumer within its groups. Two live processes must never share one.
   * @default `host-pid-random`
   */
  consumer: computed(name(), () => `${hostname()}-${process.pid}-${uuid().slice(0, 8)}`),
  /**
   * Where a group that does not exist yet starts: `'0'` (all that is stored), `'$'` (only what comes) or an entry id.
   * @default '0'
   */
  startFrom: optional(startFrom, '0'),
  /**
   * Handlers that run at the same time, all handlers of one group together. Handlers with their own `concurrency`
   * (decorator extras) have their own slots.
   * @default 128
   * @minimum 1
   */
  concurrency: optional(integer(1), 128),
  /**
   * How long one read waits for new entries. Also how long a stop may take where `CLIENT UNBLOCK` is forbidden.
   * @default 5_000
   * @minimum 100
   * @maximum 86_400_000
   */
  block: optional(time(100, DAY_MS), 5_000),
  /**
   * How long an entry may stay unrenewed before another consumer takes it; at most a day.
   * Too low: duplicates while the event loop is busy. Too high: slow recovery after a crash.
   * @default 30_000
   * @minimum 500
   * @maximum 86_400_000
   */
  lease: optional(time(500, DAY_MS), 30_000),
  /**
   * How often this consumer looks for entries of dead consumers.
   * @default 5_000
   * @minimum 100
   * @maximum 2_147_483_647
   */
  sweepInterval: optional(time(100), 5_000),
  /**
   * Runs of one event before it becomes a dead letter. Counted by Redis: a run that kills the process counts.
   * @default 5
   * @minimum 1
   */
  maxAttempts: optional(integer(1), 5),
  /**
   * Waiting time between attempts.
   * @default `{ delay: 1_000, maxDelay: 60_000 }`
   */
  backoff: optional(backoff, DEFAULT_BACKOFF),
  /**
   * Decides whether an error is worth another attempt. Sees the original error where
   * `RedisStreamErrorInterceptor` is installed, else what Nest's exception filter made of it.
   * @default every error is, except `RedisStreamUnrecoverableError`
   */
  isRetriable: optional(callback<(error: unknown) => boolean>(), (): boolean => true),
  /**
   * Called after an entry was stored as a dead letter, for an alarm or a metric; `server.on('deadLettered')` is the same.
   * @default none
   */
  onDeadLetter: optional(callback<(letter: ServerEvents['deadLettered']) => void>(), (): void => undefined),
  /**
   * What stays readable in a stream after every group has settled it.
   * @default `{ maxLength: 10_000 }`
   */
  retention: optional(retention, DEFAULT_RETENTION),
  /**
   * A consumer of a process that is gone is removed from its group after this long, if it has nothing pending. Idleness
   * alone is not a sign of death (before Redis 7.2 a read that brings nothing does not reset it): one that was removed
   * although it lives comes back with its next entry, and loses nothing.
   * @default 3_600_000
   * @minimum 1_000
   * @maximum 315_360_000_000
   */
  consumerTtl: optional(time(1_000, MAX_AGE_MS), 3_600_000),
  /**
   * A consumer group that holds entries back, and of which every consumer has been idle for longer than this, no longer
   * keeps them from being trimmed: without it a group that nobody reads any more makes its stream grow without a bound.
   * Nothing is deleted but by `retention`. 0 waits without a limit; 7 days (604_800_000) are recommended. Choose it longer
   * than any pause after which a group has to find everything again.
   * @default 0
   * @minimum 1_000
   * @maximum 315_360_000_000
   */
  groupTtl: optional(timeOrNever(1_000, MAX_AGE_MS), 0),
  /**
   * How long `close()` lets running handlers finish.
   * @default 10_000
   * @minimum 0
   * @maximum 2_147_483_647
   */
  shutdownTimeout: optional(time(0), 10_000),
  /**
   * A handler that has not settled by then counts as failed and its `ctx.signal` aborts; 0 lets it run without a limit.
   * @default 0
   * @minimum 0
   * @maximum 2_147_483_647
   */
  handlerTimeout: optional(time(0), 0),
};

/** Everything about consuming. */
export interface RedisStreamServerOption extends SharedOption, OptionsOf<typeof SERVER_OPTIONS> {}
