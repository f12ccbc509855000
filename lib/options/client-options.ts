import { integer, time } from './kinds.js';
import { optional } from './schema.js';
import type { OptionsOf } from './schema.js';
import type { SharedOption } from './shared-options.js';

/** The options of `RedisStreamClientOption`, beside the shared ones. */
export const CLIENT_OPTIONS = {
  /**
   * How long a request waits for its (next) reply; 0 waits without a limit. Servers skip a request that is older.
   * @default 30_000
   * @minimum 0
   * @maximum 2_147_483_647
   */
  requestTimeout: optional(time(0), 30_000),
  /**
   * How long a message waits for a connection, and then for Redis to confirm it.
   * @default 5_000
   * @minimum 1
   * @maximum 2_147_483_647
   */
  publishTimeout: optional(time(1), 5_000),
  /**
   * Requests that may be without an answer at the same time, and messages that may wait for a connection.
   * @default 10_000
   * @minimum 1
   */
  maxPending: optional(integer(1), 10_000),
};

/** Everything about publishing and waiting for replies. */
export interface RedisStreamClientOption extends SharedOption, OptionsOf<typeof CLIENT_OPTIONS> {}
