import { Redis } from 'ioredis';
import type { ClusterNode } from 'ioredis';
import type { RedisConnection } from 'nestjs-redis-stream-transport';
import { OTHER } from './links.js';
import type { Ports } from './links.js';

/** How a client reaches Redis; plain data, so that it can be passed to another process. */
export type Route = { readonly host: string; readonly ports: Ports } | { readonly nodes: readonly ClusterNode[] };

/** Connects each role through its own link, or goes straight to a cluster. */
export function connectionOver(route: Route): RedisConnection {
  if ('nodes' in route) return { nodes: route.nodes };
  const { host, ports } = route;
  return (options, role) => new Redis({ ...options, host, port: ports[role] ?? ports[OTHER] ?? 0 });
}
