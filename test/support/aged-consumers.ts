import type { Redis } from 'ioredis';

const RECENT_MS = 60_000;
const TIME_BYTES = 8;

/**
 * Makes all consumers of a stream look as if Redis had seen them last so many ms earlier. The server must allow DEBUG, and
 * nobody may be reading the stream: it is replaced by a copy of itself whose times are changed.
 */
export async function ageConsumers(redis: Redis, stream: string, byMs: number): Promise<void> {
  const [seconds] = await redis.time();
  const now = Number(seconds) * 1_000;
  const copy = await redis.dumpBuffer(stream);
  // Times of consumers are the only eight bytes in it that say "within the last minute", but for parts of entries' ids.
  for (let at = 0; at + TIME_BYTES <= copy.length; at += 1) {
    const time = Number(copy.readBigUInt64LE(at));
    if (Math.abs(now - time) < RECENT_MS) copy.writeBigUInt64LE(BigInt(time - byMs), at);
  }
  await redis.call('DEBUG', 'SET-SKIP-CHECKSUM-VALIDATION', '1');
  await redis.restore(stream, 0, copy, 'REPLACE');
  await redis.call('DEBUG', 'SET-SKIP-CHECKSUM-VALIDATION', '0');
}
