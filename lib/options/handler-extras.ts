import { backoff } from './backoff.js';
import { integer, name, time } from './kinds.js';
import { inherited, optional } from './schema.js';
import type { OptionsOf } from './schema.js';
import { startFrom } from './server-options.js';

/** The options of `RedisStreamHandlerExtras`. */
export const HANDLER_EXTRAS = {
  /**
   * Its own consumer group: its own delivery, retries and dead letters.
   * @default the server's `consumerGroup`
   */
  group: inherited(name()),
  /**
   * Its own slots, apart from the group's, read over its own connection.
   * @default shares those of its group
   * @minimum 1
   */
  concurrency: optional(integer(1), undefined),
  /**
   * Runs of one event before it becomes a dead letter.
   * @default the server's `maxAttempts`
   * @minimum 1
   */
  maxAttempts: inherited(integer(1)),
  /**
   * Waiting time between attempts; what it does not name is the server's.
   * @default the server's `backoff`
   */
  backoff: inherited(backoff),
  /**
   * Where a group that does not exist yet starts: `'0'`, `'$'` or an entry id.
   * @default the server's `startFrom`
   */
  startFrom: inherited(startFrom),
  /**
   * How long it may run before it counts as failed; 0 is without a limit.
   * @default the server's `handlerTimeout`
   * @minimum 0
   * @maximum 2_147_483_647
   */
  handlerTimeout: inherited(time(0)),
};

/**
 * What a handler may say of itself in the `extras` of `@EventPattern` or `@MessagePattern`. Names that look like one of these
 * and are not throw at start-up; others may belong to another transport.
 */
export interface RedisStreamHandlerExtras extends OptionsOf<typeof HANDLER_EXTRAS> {}
