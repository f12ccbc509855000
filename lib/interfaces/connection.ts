import type { Cluster, ClusterNode, ClusterOptions, Redis, RedisOptions } from 'ioredis';

/**
 * Purpose of a connection. Each role has its own socket and its own safe options. `control` only receives the
 * cancellations that clients publish, and nothing depends on it.
 */
export type ConnectionRole = 'reader' | 'writer' | 'publisher' | 'inbox' | 'control';

export type RedisClient = Redis | Cluster;

/** A Redis Cluster: startup nodes and ioredis cluster options. */
export interface RedisClusterConnection {
  readonly nodes: readonly ClusterNode[];
  readonly options?: ClusterOptions;
}

/**
 * Creates one client for a role. `options` are the safe options of that role: spread them last, otherwise nothing in
 * `docs/promises.md` holds. The client must not be connected yet (`lazyConnect` is among the options).
 */
export type RedisClientFactory = (options: SafeRedisOptions, role: ConnectionRole) => RedisClient;

/** ioredis options without `replyMapping`, by which ioredis 6 chooses the reply types of its constructor. */
export type SafeRedisOptions = Omit<RedisOptions, 'replyMapping'>;

/** ioredis options (Sentinel and TLS included), a `redis://` or `rediss://` URL, a cluster, or a factory. */
export type RedisConnection = RedisOptions | string | RedisClusterConnection | RedisClientFactory;
