import type { Redis } from 'ioredis';
import { createGroup, readGroup } from '../../../../lib/redis/stream-commands.js';
import type { GroupStream } from '../../../../lib/server/holding/group-stream.js';
import type { HeldEntry } from '../../../../lib/server/holding/held-entry.js';

/** Adds an entry to the stream and reads it with the group, as a reader does. */
export async function delivered(
  redis: Redis,
  groupStream: GroupStream,
  fields: readonly (string | Buffer)[],
): Promise<HeldEntry> {
  await redis.xadd(groupStream.stream, '*', ...fields);
  return nextOf(redis, groupStream);
}

/** The next entry that the group has not read yet. */
export async function nextOf(redis: Redis, groupStream: GroupStream): Promise<HeldEntry> {
  const { stream, group, consumer } = groupStream;
  await createGroup(redis, stream, group, '0');
  const [batch] = await readGroup(redis, { group, consumer, count: 1, streams: [stream] });
  const read = batch?.entries[0];
  const entry = read && groupStream.hold(read.id, 1, read.fields);
  if (!entry) throw new Error(`"${stream}" has nothing new for "${group}"`);
  return entry;
}
