import type { Redis } from 'ioredis';
import type { RedisClient } from '../interfaces/connection.js';

/**
 * Name (`host:port`) of the server that has a slot now. '' where the client knows one server only, and in a cluster until
 * its slots are known. What goes to one node may wait for that node alone: another one may hang.
 */
export function nodeOf(client: RedisClient, slot: number): string {
  return 'slots' in client ? (client.slots[slot]?.[0] ?? '') : '';
}

/** The connection of a cluster client to one of its nodes; undefined until there is one. A new one after each loss. */
export function connectionTo(client: RedisClient, node: string): Redis | undefined {
  if (!('nodes' in client)) return client;
  return client.nodes('master').find(({ options }) => `${options.host}:${options.port}` === node);
}
