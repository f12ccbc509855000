import type { Cluster } from 'ioredis';
import type { RedisClient } from '../interfaces/connection.js';
import { hashSlot } from '../topology/keys.js';

/** A lone server, the master of a Sentinel included. */
const LONE_NODE = '';

/** Name of the node that serves a key, as far as the client knows the cluster by now. */
export function nodeOf(client: RedisClient, key: string): string {
  return client.isCluster ? ((client as Cluster).slots[hashSlot(key)]?.[0] ?? LONE_NODE) : LONE_NODE;
}
