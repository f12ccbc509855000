import type { RedisClient, RedisStreamClient } from 'nestjs-redis-stream-transport';
import { connectionTo, nodeOf } from '../../lib/redis/nodes.js';
import { hashSlot } from '../../lib/topology/keys.js';

/** Whether a client has a working connection to the server of a key. In a cluster it opens one with the first use. */
export function isConnected(client: RedisStreamClient, key: string): boolean {
  const [redis] = client.unwrap<[RedisClient]>();
  return connectionTo(redis, nodeOf(redis, hashSlot(key)))?.status === 'ready';
}
