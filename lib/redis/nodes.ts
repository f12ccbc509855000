import type { Redis } from 'ioredis';
import type { RedisClient } from '../interfaces/connection.js';

/**
 * Name (`host:port`) of the node that has a slot now; '' outside a cluster, and in a cluster until its slots are known.
 * Commands must wait only for their own node, since another one may hang.
 */
export function nodeOf(client: RedisClient, slot: number): string {
  return 'slots' in client ? (client.slots[slot]?.[0] ?? '') : '';
}

/** The connection of a cluster client to one of its nodes; undefined until it exists. A new object after each loss. */
export function connectionTo(client: RedisClient, node: string): Redis | undefined {
  if (!('nodes' in client)) return client;
  return client.nodes('master').find(({ options }) => `${options.host}:${options.port}` === node);
}

/** The connections of a client to all its masters; to its only server outside a cluster. */
export const mastersOf = (client: RedisClient): Redis[] => ('nodes' in client ? client.nodes('master') : [client]);
