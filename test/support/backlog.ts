import type { Redis } from 'ioredis';
import { setTimeout as pause } from 'node:timers/promises';
import { infoOf } from './stream-view.js';

const PAGE = 5_000;
const ADD_NUMBERS = `
for n = tonumber(ARGV[1]), tonumber(ARGV[2]) - 1 do redis.call('XADD', KEYS[1], '*', 'data', tostring(n)) end`;

/** Adds events whose payloads are consecutive numbers starting at `from`; much faster than one call per event. */
export async function fill(redis: Redis, stream: string, count: number, from = 0): Promise<void> {
  for (let at = from; at < from + count; at += PAGE) {
    await redis.eval(ADD_NUMBERS, 1, stream, at, Math.min(at + PAGE, from + count));
  }
}

/** Number of entries that a group has not read yet. */
async function lagOf(redis: Redis, stream: string, group = 'service'): Promise<number> {
  const row = (await infoOf(redis, 'GROUPS', stream)).find(({ name }) => name === group);
  if (!row) throw new Error(`stream ${stream} has no group ${group}`);
  return Number(row['lag']);
}

/** Refills a stream so that its group never reaches the end, until the returned function is called. */
export function keepFull(redis: Redis, stream: string, size: number, group = 'service'): () => Promise<void> {
  let isOver = false;
  const feed = async (): Promise<void> => {
    for (let added = 0; !isOver;) {
      if ((await lagOf(redis, stream, group)) < size) {
        await fill(redis, stream, size, added);
        added += size;
      }
      await pause(5);
    }
  };
  const feeding = feed();
  return async () => {
    isOver = true;
    await feeding;
  };
}
