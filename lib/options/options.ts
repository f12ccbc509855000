import type { Deserializer, Serializer } from '@nestjs/microservices';
import type { RedisConnection } from '../interfaces/connection.js';
import type { ServerEvents } from '../interfaces/events.js';

/** Settings that client and server share. All times are in milliseconds. */
export interface SharedOption {
  /**
   * Written in front of every stream name, dead-letter name and reply stream. Both sides need the same one.
   * @default ''
   */
  readonly prefix?: string;
  /**
   * Largest JSON payload of one message in bytes, requests, events and replies alike. Larger ones are refused before
   * anything is written. Above the server's `client-query-buffer-limit` Redis would hang up instead of answering.
   * @default 1_048_576
   * @minimum 1
   */
  readonly maxPayloadBytes?: number;
  /**
   * How long `listen()` and `connect()` wait for Redis before they reject; 0 waits for ever.
   * Reconnecting later has no limit.
   * @default 10_000
   * @minimum 0
   */
  readonly connectTimeout?: number;
  /** Nest's own interface. @default JSON of the packet's data */
  readonly serializer?: Serializer;
  /** Nest's own interface. @default the parsed JSON */
  readonly deserializer?: Deserializer;
}

/** Exponential backoff with jitter between the attempts of one entry. */
export interface Backoff {
  /** Delay before the second attempt; doubles with each further one. @default 1_000 @minimum 0 */
  readonly delay?: number;
  /** Upper bound of the delay. @default 60_000 @minimum `delay` */
  readonly maxDelay?: number;
}

/** What stays readable in a stream after every group has settled it. */
export interface Retention {
  /** Keep at least this many of the newest entries. @default 10_000 @minimum 0 */
  readonly maxLength?: number;
  /** Drop settled entries older than this, even when there are fewer than `maxLength`. @default none */
  readonly maxAge?: number;
}

/** Everything about consuming. */
export interface RedisStreamServerOption extends SharedOption {
  /** Consumer group of every handler that names none of its own. Instances with the same group share the load. */
  readonly consumerGroup: string;
  /**
   * Name of this consumer within its groups. Two live processes must never share one.
   * @default `host-pid-random`
   */
  readonly consumer?: string;
  /**
   * Where a group that does not exist yet starts: `'0'` (all that is stored), `'$'` (only what comes) or an entry id.
   * @default '0'
   */
  readonly startFrom?: string;
  /**
   * Handlers that run at the same time, all handlers of one group together. Handlers with their own `concurrency`
   * (decorator extras) have their own slots.
   * @default 128
   * @minimum 1
   */
  readonly concurrency?: number;
  /**
   * How long one read waits for new entries. Also how long a stop may take where `CLIENT UNBLOCK` is forbidden.
   * @default 5_000
   * @minimum 100
   */
  readonly block?: number;
  /**
   * How long an entry may stay unrenewed before another consumer takes it.
   * Too low: duplicates while the event loop is busy. Too high: slow recovery after a crash.
   * @default 30_000
   * @minimum 500
   */
  readonly lease?: number;
  /**
   * How often this consumer looks for entries of dead consumers.
   * @default 5_000
   * @minimum 100
   */
  readonly sweepInterval?: number;
  /**
   * Runs of one event before it becomes a dead letter. Counted by Redis: a run that kills the process counts.
   * @default 5
   * @minimum 1
   */
  readonly maxAttempts?: number;
  /** Waiting time between attempts. @default `{ delay: 1_000, maxDelay: 60_000 }` */
  readonly backoff?: Backoff;
  /**
   * Decides whether an error is worth another attempt. Sees the original error where
   * `RedisStreamErrorInterceptor` is installed, else what Nest's exception filter made of it.
   * @default every error is, but `RedisStreamUnrecoverableError`
   */
  readonly isRetriable?: (error: unknown) => boolean;
  /** Called after an entry was stored as a dead letter, for an alarm or a metric; `server.on('deadLettered')` is the same. */
  readonly onDeadLetter?: (letter: ServerEvents['deadLettered']) => void;
  /** @default `{ maxLength: 10_000 }` */
  readonly retention?: Retention;
  /**
   * A consumer of a process that is gone is removed from its group after this long, if it has nothing pending.
   * @default 3_600_000
   * @minimum 1_000
   */
  readonly consumerTtl?: number;
  /** @default 0 */
  readonly groupTtl?: number;
  /**
   * How long `close()` lets running handlers finish.
   * @default 10_000
   * @minimum 0
   */
  readonly shutdownTimeout?: number;
  /**
   * A handler that has not settled by then counts as failed and its `ctx.signal` aborts; 0 lets it run for ever.
   * @default 0
   * @minimum 0
   */
  readonly handlerTimeout?: number;
}

export interface RedisStreamServerOptions {
  readonly connection: RedisConnection;
  readonly option: RedisStreamServerOption;
}

/** Everything about publishing and waiting for replies. */
export interface RedisStreamClientOption extends SharedOption {
  /**
   * How long a request waits for its (next) reply; 0 waits for ever. Servers skip a request that is older.
   * @default 30_000
   * @minimum 0
   */
  readonly requestTimeout?: number;
  /**
   * How long a message waits for a connection, and then for Redis to confirm it.
   * @default 5_000
   * @minimum 1
   */
  readonly publishTimeout?: number;
  /**
   * Requests that may be without an answer at the same time, and messages that may wait for a connection.
   * @default 10_000
   * @minimum 1
   */
  readonly maxPending?: number;
}

export interface RedisStreamClientOptions {
  readonly connection: RedisConnection;
  readonly option?: RedisStreamClientOption;
}

/** What a handler may say of itself in the `extras` of `@EventPattern` or `@MessagePattern`. */
export interface RedisStreamHandlerExtras {
  /** Its own consumer group: its own delivery, retries and dead letters. */
  readonly group?: string;
  /** Its own slots, apart from the group's, read over its own connection. */
  readonly concurrency?: number;
  readonly maxAttempts?: number;
  readonly backoff?: Backoff;
  readonly startFrom?: string;
  readonly handlerTimeout?: number;
}
