import type { Cluster, ClusterNode, ClusterOptions, Redis, RedisOptions } from 'ioredis';

/**
 * What a connection is for; each role has its own socket and its own safe options. Nothing depends on `control`, which only
 * listens for what clients and operators announce.
 */
export type ConnectionRole = 'reader' | 'writer' | 'publisher' | 'inbox' | 'control';

export type RedisClient = Redis | Cluster;

/** A Redis Cluster: start-up nodes and ioredis' own cluster options. */
export interface RedisClusterConnection {
  readonly nodes: readonly ClusterNode[];
  readonly options?: ClusterOptions;
}

/**
 * Makes one client for a role. `options` are the safe options of that role: spread them last, or nothing that
 * `docs/promises.md` says holds. The client must not be connected yet (`lazyConnect` is among the options).
 */
export type RedisClientFactory = (options: SafeRedisOptions, role: ConnectionRole) => RedisClient;

/** Without the option that ioredis 6 uses to choose the reply types of its constructor. */
export type SafeRedisOptions = Omit<RedisOptions, 'replyMapping'>;

/** ioredis options (Sentinel and TLS included), a `redis://` or `rediss://` URL, a cluster, or a factory. */
export type RedisConnection = RedisOptions | string | RedisClusterConnection | RedisClientFactory;
