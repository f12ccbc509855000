import { backoff } from './backoff.js';
import { integer, name, time } from './kinds.js';
import { inherited, optional } from './schema.js';
import type { OptionsOf } from './schema.js';
import { startFrom } from './server-options.js';

/** The options of `RedisStreamHandlerExtras`. */
export const HANDLER_EXTRAS = {
  /**
   * Consumer group of this handler, with its own delivery, retries and dead letters.
   * @default the server's `consumerGroup`
   */
  group: inherited(name()),
  /**
   * Number of slots of this handler, separate from those of its group and read over a separate connection.
   * @default shares the slots of its group
   * @minimum 1
   */
  concurrency: optional(integer(1), undefined),
  /**
   * Maximum number of runs of one event; then it becomes a dead letter.
   * @default the server's `maxAttempts`
   * @minimum 1
   */
  maxAttempts: inherited(integer(1)),
  /**
   * Delay between attempts. Properties that it omits are the server's.
   * @default the server's `backoff`
   */
  backoff: inherited(backoff),
  /**
   * Where a group that does not exist yet starts to read: `'0'`, `'$'` or an entry id.
   * @default the server's `startFrom`
   */
  startFrom: inherited(startFrom),
  /**
   * How long the handler may run before it counts as failed, in ms; 0 means no limit.
   * @default the server's `handlerTimeout`
   * @minimum 0
   * @maximum 2_147_483_647
   */
  handlerTimeout: inherited(time(0)),
};

/**
 * Settings of one handler, in the `extras` of `@EventPattern` or `@MessagePattern`. A misspelled name throws at
 * startup; any other unknown name may belong to another transport, and only causes a warning.
 */
export interface RedisStreamHandlerExtras extends OptionsOf<typeof HANDLER_EXTRAS> {}
