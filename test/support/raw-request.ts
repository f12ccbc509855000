import type { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { eventually } from './eventually.js';
import { entriesOf, newestOf } from './stream-view.js';
import type { Fields } from './stream-view.js';

/** A request as it stands in its stream. */
export interface RawRequest {
  readonly entryId: string;
  readonly id: string;
  /** The stream that its caller reads. */
  readonly replyStream: string;
}

export interface RawRequestSetting {
  readonly inbox?: string;
  /** Where the reply stream is, if that is another server of a cluster. */
  readonly replies?: Redis;
}

/** Writes a request as a client does, its reply stream included; who wrote it neither reads nor leaves. */
export async function writeRequest(
  redis: Redis,
  stream: string,
  data: unknown,
  { inbox = randomUUID(), replies = redis }: RawRequestSetting = {},
): Promise<RawRequest> {
  const id = randomUUID();
  const replyStream = `reply:${inbox}`;
  await replies.xadd(replyStream, '*', 'created', '1');
  const entryId = String(await redis.xadd(stream, '*', 'data', JSON.stringify(data), 'id', id, 'reply', inbox));
  return { entryId, id, replyStream };
}

/** The only request that a stream holds, once it is there. */
export function requestIn(redis: Redis, stream: string): Promise<RawRequest> {
  return eventually(async () => {
    const entries = await entriesOf(redis, stream);
    expect(entries).toHaveLength(1);
    const { id: entryId, fields } = entries[0] as (typeof entries)[number];
    return { entryId, id: String(fields['id']), replyStream: `reply:${fields['reply']}` };
  });
}

/** The parts of the reply that were written so far, oldest first; by default all of them. */
export async function repliesTo(
  redis: Redis,
  { id, replyStream }: RawRequest,
  newest = Number.MAX_SAFE_INTEGER,
): Promise<Fields[]> {
  const entries = await newestOf(redis, replyStream, newest);
  return entries.map(({ fields }) => fields).filter((fields) => fields['id'] === id);
}

/** The reply from its first part to its last. */
export function wholeReplyTo(redis: Redis, request: RawRequest): Promise<Fields[]> {
  return eventually(async () => {
    const parts = await repliesTo(redis, request);
    expect(parts.at(-1)).toMatchObject({ last: '1' });
    return parts;
  });
}
