import type { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { eventually } from './eventually.js';
import { entriesOf, newestOf } from './stream-view.js';
import type { Fields } from './stream-view.js';

/** A request as stored in its stream. */
export interface RawRequest {
  readonly entryId: string;
  readonly id: string;
  /** The inbox of its client. */
  readonly replyStream: string;
}

export interface RawRequestSetting {
  readonly inbox?: string;
  /** Connection to the server that has the reply stream, if that is another node of the cluster. */
  readonly replies?: Redis;
}

/** Writes a request as a client does, including its reply stream. No client reads the reply or cancels the request. */
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

/** Waits for the only request of a stream, and returns it. */
export function requestIn(redis: Redis, stream: string): Promise<RawRequest> {
  return eventually(async () => {
    const entries = await entriesOf(redis, stream);
    expect(entries).toHaveLength(1);
    const { id: entryId, fields } = entries[0] as (typeof entries)[number];
    return { entryId, id: String(fields['id']), replyStream: `reply:${fields['reply']}` };
  });
}

/** The parts of a reply among the newest entries of its stream, oldest first; by default all parts written so far. */
export async function repliesTo(
  redis: Redis,
  { id, replyStream }: RawRequest,
  newest = Number.MAX_SAFE_INTEGER,
): Promise<Fields[]> {
  const entries = await newestOf(redis, replyStream, newest);
  return entries.map(({ fields }) => fields).filter((fields) => fields['id'] === id);
}

/** Waits for the last part of a reply, and returns all parts. */
export function wholeReplyTo(redis: Redis, request: RawRequest): Promise<Fields[]> {
  return eventually(async () => {
    const parts = await repliesTo(redis, request);
    expect(parts.at(-1)).toMatchObject({ last: '1' });
    return parts;
  });
}
