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

/** The options of `RedisStreamServerOption`, in addition to the shared ones. The only place that defines them. */
export const SERVER_OPTIONS = {
  /** Consumer group of every handler that does not name its own. Instances with the same group share the load. */
  consumerGroup: required(name()),
  /**
   * Name of this consumer within its groups. Two live processes must never share a name.
   * @default `host-pid-random`
   */
  consumer: computed(name(), () => `${hostname()}-${process.pid}-${uuid().slice(0, 8)}`),
  /**
   * Where a group that does not exist yet starts to read: `'0'` (all stored entries), `'$'` (only new entries) or an
   * entry id.
   * @default '0'
   */
  startFrom: optional(startFrom, '0'),
  /**
   * Maximum number of handlers that run at the same time, over all handlers of one group. Handlers with their own
   * `concurrency` (decorator extras) have their own slots.
   * @default 128
   * @minimum 1
   */
  concurrency: optional(integer(1), 128),
  /**
   * How long one read waits for new entries, in ms. Also how long a stop may take if Redis forbids `CLIENT UNBLOCK`.
   * @default 5_000
   * @minimum 100
   * @maximum 86_400_000
   */
  block: optional(time(100, DAY_MS), 5_000),
  /**
   * How long an entry may go without renewal before another consumer takes it over, in ms; at most a day.
   * Too low: duplicates while the event loop is busy. Too high: slow recovery after a crash.
   * @default 30_000
   * @minimum 500
   * @maximum 86_400_000
   */
  lease: optional(time(500, DAY_MS), 30_000),
  /**
   * How often this consumer looks for entries of dead consumers, in ms.
   * @default 5_000
   * @minimum 100
   * @maximum 2_147_483_647
   */
  sweepInterval: optional(time(100), 5_000),
  /**
   * Maximum number of runs of one event; then it becomes a dead letter. Counted by Redis: a run that kills the process
   * counts.
   * @default 5
   * @minimum 1
   */
  maxAttempts: optional(integer(1), 5),
  /**
   * Delay between the attempts of one event.
   * @default `{ delay: 1_000, maxDelay: 60_000 }`
   */
  backoff: optional(backoff, DEFAULT_BACKOFF),
  /**
   * Decides whether an error is worth another attempt. Receives the original error if
   * `RedisStreamErrorInterceptor` is installed, otherwise what Nest's exception filter made of it.
   * @default every error is, except `RedisStreamUnrecoverableError`
   */
  isRetriable: optional(callback<(error: unknown) => boolean>(), (): boolean => true),
  /**
   * Called after an entry was stored as a dead letter, for an alarm or a metric. Same as `server.on('deadLettered')`.
   * @default none
   */
  onDeadLetter: optional(callback<(letter: ServerEvents['deadLettered']) => void>(), (): void => undefined),
  /**
   * Which entries stay readable in a stream after every group has settled them.
   * @default `{ maxLength: 10_000 }`
   */
  retention: optional(retention, DEFAULT_RETENTION),
  /**
   * How long a consumer whose process is gone stays in its group, in ms; it is removed only if it has nothing pending.
   * Idle time alone does not prove that a process is gone (before Redis 7.2, a read that returns nothing does not reset
   * it): a live consumer that was removed comes back with its next entry and loses nothing.
   * @default 3_600_000
   * @minimum 1_000
   * @maximum 315_360_000_000
   */
  consumerTtl: optional(time(1_000, MAX_AGE_MS), 3_600_000),
  /**
   * A consumer group whose consumers have all been idle for longer than this, in ms, no longer keeps entries from being
   * trimmed. Without this option, a group that no server reads any more makes its stream grow without bound. Only
   * `retention` deletes entries. 0 means that a group always keeps its entries; 7 days (604_800_000) are recommended.
   * Choose a value longer than any pause after which a group has to find all of its entries.
   * @default 0
   * @minimum 1_000
   * @maximum 315_360_000_000
   */
  groupTtl: optional(timeOrNever(1_000, MAX_AGE_MS), 0),
  /**
   * How long `close()` lets running handlers finish, in ms.
   * @default 10_000
   * @minimum 0
   * @maximum 2_147_483_647
   */
  shutdownTimeout: optional(time(0), 10_000),
  /**
   * A handler that runs longer than this, in ms, counts as failed and its `ctx.signal` aborts; 0 means no limit.
   * @default 0
   * @minimum 0
   * @maximum 2_147_483_647
   */
  handlerTimeout: optional(time(0), 0),
};

/** Options for consuming. */
export interface RedisStreamServerOption extends SharedOption, OptionsOf<typeof SERVER_OPTIONS> {}
