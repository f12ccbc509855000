import type { Redis } from 'ioredis';

const RECENT_MS = 60_000;
const TIME_BYTES = 8;

/**
 * Moves the time when Redis last saw each consumer of a stream `byMs` into the past. The server must allow DEBUG, and
 * the stream must have no readers: a copy with changed times replaces it.
 */
export async function ageConsumers(redis: Redis, stream: string, byMs: number): Promise<void> {
  const [seconds] = await redis.time();
  const now = Number(seconds) * 1_000;
  const copy = await redis.dumpBuffer(stream);
  // Apart from parts of entry ids, only the times of consumers decode to a time within a minute of now.
  for (let at = 0; at + TIME_BYTES <= copy.length; at += 1) {
    const time = Number(copy.readBigUInt64LE(at));
    if (Math.abs(now - time) < RECENT_MS) copy.writeBigUInt64LE(BigInt(time - byMs), at);
  }
  await redis.call('DEBUG', 'SET-SKIP-CHECKSUM-VALIDATION', '1');
  await redis.restore(stream, 0, copy, 'REPLACE');
  await redis.call('DEBUG', 'SET-SKIP-CHECKSUM-VALIDATION', '0');
}
