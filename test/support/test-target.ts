import type { Redis } from 'ioredis';
import type { RedisConnection } from 'nestjs-redis-stream-transport';
import type { RedisProcess } from './redis-process.js';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Real Redis servers that one transport connects to, and what a test needs to look at them and to break them. */
export interface TestTarget {
  readonly connection: RedisConnection;
  /** All servers that hold keys. */
  readonly servers: readonly RedisProcess[];
  /** A connection to each of `servers`, for the test itself. */
  readonly observers: readonly Redis[];
  /** The server of a key. */
  processOf(key: string): RedisProcess;
  /** A connection to the server of a key, for the test itself. */
  observerOf(key: string): Redis;
  /** Like `connection`, with the credentials of an ACL user that exists on all servers. */
  connectionAs(username: string, password: string): RedisConnection;
  /** Like `connection`, by way of one proxy for each of `servers`, in that order. */
  connectionThrough(proxies: readonly Address[]): RedisConnection;
  /** Starts the server of a key again; resolves when all servers work. */
  restart(key: string): Promise<void>;
  stop(): Promise<void>;
}
