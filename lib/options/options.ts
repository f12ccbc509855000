import type { RedisConnection } from '../interfaces/connection.js';
import type { RedisStreamClientOption } from './client-options.js';
import type { RedisStreamServerOption } from './server-options.js';

export type { Backoff } from './backoff.js';
export type { RedisStreamClientOption } from './client-options.js';
export type { RedisStreamHandlerExtras } from './handler-extras.js';
export type { Retention } from './retention.js';
export type { RedisStreamServerOption } from './server-options.js';
export type { SharedOption } from './shared-options.js';

export interface RedisStreamServerOptions {
  /** ioredis options, a `redis://` URL, the nodes of a cluster, or a factory. */
  readonly connection: RedisConnection;
  readonly option: RedisStreamServerOption;
}

export interface RedisStreamClientOptions {
  /** ioredis options, a `redis://` URL, the nodes of a cluster, or a factory. */
  readonly connection: RedisConnection;
  readonly option?: RedisStreamClientOption;
}
