import type { Redis } from 'ioredis';
import { PAYLOAD } from '../payload.js';

const ADD = `for i = 1, ARGV[1] do redis.call('XADD', KEYS[1], '*', 'data', ARGV[2]) end`;

/** Adds `count` events at once, so that every consumer finds all of them at the same moment. */
export async function addBacklog(redis: Redis, stream: string, count: number): Promise<void> {
  await redis.eval(ADD, 1, stream, count, JSON.stringify(PAYLOAD));
}
