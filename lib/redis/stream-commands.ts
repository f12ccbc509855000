import type { RedisClient } from '../interfaces/connection.js';

/** An entry as Redis returns it: names and values alternate. `fields` is null when the entry itself is gone. */
export interface StreamEntry {
  readonly id: string;
  readonly fields: readonly string[] | null;
}

export interface StreamEntries {
  readonly stream: string;
  readonly entries: readonly StreamEntry[];
}

export interface PendingEntry {
  readonly id: string;
  readonly consumer: string;
  readonly idleMs: number;
  readonly attempt: number;
}

export interface GroupRead {
  readonly group: string;
  readonly consumer: string;
  readonly count: number;
  /** Absent: answers at once. */
  readonly blockMs?: number;
  readonly streams: readonly string[];
}

/** New entries for this consumer (`XREADGROUP … >`). An empty list when nothing came in time. */
export async function readGroup(client: RedisClient, read: GroupRead): Promise<StreamEntries[]> {
  const block = read.blockMs === undefined ? [] : ['BLOCK', read.blockMs];
  const args = ['GROUP', read.group, read.consumer, 'COUNT', read.count, ...block, 'STREAMS', ...read.streams];
  const reply = await callXreadgroup(client, [...args, ...read.streams.map(() => '>')]);
  return parseStreams(reply);
}

/** ioredis types each order of XREADGROUP's arguments on its own; ours is assembled. */
function callXreadgroup(client: RedisClient, args: (string | number)[]): Promise<unknown> {
  return (client.xreadgroup as (...args: (string | number)[]) => Promise<unknown>).apply(client, args);
}

/** Entries after `lastId` of a stream without a group. Waits on a key that does not exist yet. */
export async function readAfter(
  client: RedisClient,
  stream: string,
  lastId: string,
  count: number,
  blockMs: number,
): Promise<readonly StreamEntry[]> {
  const reply: unknown = await client.xread('COUNT', count, 'BLOCK', blockMs, 'STREAMS', stream, lastId);
  return parseStreams(reply)[0]?.entries ?? [];
}

/** Up to `count` pending entries after `cursor`, those of one consumer or those idle for at least `idleMs`. */
export async function pendingEntries(
  client: RedisClient,
  place: { stream: string; group: string },
  filter: { consumer: string } | { idleMs: number },
  cursor: string,
  count: number,
): Promise<PendingEntry[]> {
  const { stream, group } = place;
  const reply =
    'consumer' in filter
      ? await client.xpending(stream, group, cursor, '+', count, filter.consumer)
      : await client.xpending(stream, group, 'IDLE', filter.idleMs, cursor, '+', count);
  return (reply as [string, string, number, number][]).map(([id, consumer, idleMs, attempt]) => ({
    id,
    consumer,
    idleMs,
    attempt,
  }));
}

/** Creates the group and, if need be, the stream. False when the group was there already. */
export async function createGroup(
  client: RedisClient,
  stream: string,
  group: string,
  startFrom: string,
): Promise<boolean> {
  try {
    await client.xgroup('CREATE', stream, group, startFrom, 'MKSTREAM');
    return true;
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('BUSYGROUP')) return false;
    throw error;
  }
}

/** Milliseconds of the Redis clock at which an entry was added; ids that were chosen by hand may say anything. */
export const entryTime = (id: string): number => Number(id.slice(0, id.indexOf('-')));

/** The smallest id after this one. */
export function nextId(id: string): string {
  const dash = id.indexOf('-');
  return `${id.slice(0, dash)}-${BigInt(id.slice(dash + 1)) + 1n}`;
}

/** Both shapes of a multi-stream reply: pairs (RESP2, and ioredis 6 by default) or a map (RESP3 as it is). */
function parseStreams(reply: unknown): StreamEntries[] {
  if (reply === null || typeof reply !== 'object') return [];
  const pairs = Array.isArray(reply)
    ? (reply as [string, RawEntry[]][])
    : Object.entries(reply as Record<string, RawEntry[]>);
  return pairs.map(([stream, entries]) => ({ stream, entries: entries.map(parseEntry) }));
}

type RawEntry = [id: string, fields: string[] | null];

const parseEntry = ([id, fields]: RawEntry): StreamEntry => ({ id, fields });
