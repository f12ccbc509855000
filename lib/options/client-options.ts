import { integer, time } from './kinds.js';
import { optional } from './schema.js';
import type { OptionsOf } from './schema.js';
import type { SharedOption } from './shared-options.js';

/** The options of `RedisStreamClientOption`, in addition to the shared ones. */
export const CLIENT_OPTIONS = {
  /**
   * How long a request waits for its (next) reply, in ms; 0 means no limit. Servers skip a request that is older.
   * @default 30_000
   * @minimum 0
   * @maximum 2_147_483_647
   */
  requestTimeout: optional(time(0), 30_000),
  /**
   * How long a message waits for a connection, and then for Redis to confirm it, in ms.
   * @default 5_000
   * @minimum 1
   * @maximum 2_147_483_647
   */
  publishTimeout: optional(time(1), 5_000),
  /**
   * Maximum number of unanswered requests, and of messages that wait for a connection, at the same time.
   * @default 10_000
   * @minimum 1
   */
  maxPending: optional(integer(1), 10_000),
};

/** Options for publishing and for waiting for replies. */
export interface RedisStreamClientOption extends SharedOption, OptionsOf<typeof CLIENT_OPTIONS> {}
