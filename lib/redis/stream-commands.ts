import type { RedisClient } from '../interfaces/connection.js';

/** An entry as Redis returns it: names and values alternate. `fields` is null if the entry was deleted. */
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

/** New entries for this consumer (`XREADGROUP … >`). An empty list if none came in time. */
export async function readGroup(client: RedisClient, read: GroupRead): Promise<StreamEntries[]> {
  const block = read.blockMs === undefined ? [] : ['BLOCK', read.blockMs];
  const args = ['GROUP', read.group, read.consumer, 'COUNT', read.count, ...block, 'STREAMS', ...read.streams];
  const reply = await callXreadgroup(client, [...args, ...read.streams.map(() => '>')]);
  return parseStreams(reply);
}

/** ioredis types each order of XREADGROUP's arguments separately; these arguments are assembled. */
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

/**
 * Up to `count` pending entries, those of one consumer or those idle for at least `idleMs`; after the last entry of the
 * previous page, or from the oldest one.
 */
export async function pendingEntries(
  client: RedisClient,
  place: { stream: string; group: string },
  filter: { consumer: string } | { idleMs: number },
  after: PendingEntry | undefined,
  count: number,
): Promise<PendingEntry[]> {
  const { stream, group } = place;
  const start = after ? `(${after.id}` : '-';
  const reply =
    'consumer' in filter
      ? await client.xpending(stream, group, start, '+', count, filter.consumer)
      : await client.xpending(stream, group, 'IDLE', filter.idleMs, start, '+', count);
  return (reply as [string, string, number, number][]).map(([id, consumer, idleMs, attempt]) => ({
    id,
    consumer,
    idleMs,
    attempt,
  }));
}

/**
 * Creates the group and, if necessary, the stream. False if the group already exists, even when Redis has no memory to
 * create anything.
 */
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
    const { message } = error as Error;
    if (message.startsWith('BUSYGROUP')) return false;
    // Redis refuses the command without checking whether it would add anything.
    if (message.startsWith('OOM') && (await hasGroup(client, stream, group))) return false;
    throw error;
  }
}

/** The groups of a stream. */
export async function groupNames(client: RedisClient, stream: string): Promise<string[]> {
  const groups = (await client.xinfo('GROUPS', stream)) as (unknown[] | { name: unknown })[];
  return groups.map((about) => String(Array.isArray(about) ? about[about.indexOf('name') + 1] : about.name));
}

/** Also false if the query fails. */
async function hasGroup(client: RedisClient, stream: string, group: string): Promise<boolean> {
  const names = await groupNames(client, stream).catch((): string[] => []);
  return names.includes(group);
}

/** When an entry was added, in ms of the Redis clock; an id that was chosen by hand may have any time. */
export const entryTime = (id: string): number => Number(id.slice(0, id.indexOf('-')));

const MAX_PART = 2n ** 64n - 1n;

/** The smallest id after this one: both parts are 64-bit numbers, and the second carries into the first. */
export function nextId(id: string): string {
  const dash = id.indexOf('-');
  const ms = BigInt(id.slice(0, dash));
  const seq = BigInt(id.slice(dash + 1));
  if (seq < MAX_PART) return `${ms}-${seq + 1n}`;
  // Nothing comes after the highest possible id.
  return ms < MAX_PART ? `${ms + 1n}-0` : id;
}

/** Both forms of a multi-stream reply: pairs (RESP2, and ioredis 6 by default) or a map (plain RESP3). */
function parseStreams(reply: unknown): StreamEntries[] {
  if (reply === null || typeof reply !== 'object') return [];
  const pairs = Array.isArray(reply)
    ? (reply as [string, RawEntry[]][])
    : Object.entries(reply as Record<string, RawEntry[]>);
  return pairs.map(([stream, entries]) => ({ stream, entries: entries.map(parseEntry) }));
}

type RawEntry = [id: string, fields: string[] | null];

const parseEntry = ([id, fields]: RawEntry): StreamEntry => ({ id, fields });
