import type { Redis } from 'ioredis';
import { eventually } from './eventually.js';

export type Fields = Record<string, string>;

export interface StoredEntry {
  readonly id: string;
  readonly fields: Fields;
}

/** All entries of a stream, oldest first. */
export async function entriesOf(redis: Redis, stream: string): Promise<StoredEntry[]> {
  const entries = await redis.xrange(stream, '-', '+');
  return entries.map(([id, flat]) => ({ id, fields: pairs(flat) }));
}

/** The newest entries of a stream, oldest first. */
export async function newestOf(redis: Redis, stream: string, count: number): Promise<StoredEntry[]> {
  const entries = await redis.xrevrange(stream, '+', '-', 'COUNT', count);
  return entries.toReversed().map(([id, flat]) => ({ id, fields: pairs(flat) }));
}

/** Number of entries that a group has read and not acked. */
export async function pendingOf(redis: Redis, stream: string, group = 'service'): Promise<number> {
  const [count] = (await redis.xpending(stream, group)) as [number];
  return count;
}

/** Waits until a group has read and acked every entry of the stream. */
export function settled(redis: Redis, stream: string, group = 'service', patience = 8_000): Promise<void> {
  return eventually(
    async () => {
      expect({ pending: await pendingOf(redis, stream, group) }).toEqual({ pending: 0 });
      expect({ unread: await unreadOf(redis, stream, group) }).toEqual({ unread: 0 });
    },
    { within: patience },
  );
}

/** The rows of `XINFO GROUPS` or `XINFO CONSUMERS` as objects. */
export async function infoOf(redis: Redis, kind: 'GROUPS' | 'CONSUMERS', ...names: string[]): Promise<Fields[]> {
  const rows = (await redis.call('XINFO', kind, ...names)) as unknown[][];
  return rows.map((row) => pairs(row.map(String)));
}

/** Number of calls of a command since Redis started. */
export async function callsOf(redis: Redis, command: string): Promise<number> {
  const stats = await redis.info('commandstats');
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
}

async function unreadOf(redis: Redis, stream: string, group: string): Promise<number> {
  const row = (await infoOf(redis, 'GROUPS', stream)).find(({ name }) => name === group);
  if (!row) throw new Error(`stream ${stream} has no group ${group}`);
  const unread = await redis.xrange(stream, `(${row['last-delivered-id']}`, '+');
  return unread.length;
}

function pairs(flat: readonly string[]): Fields {
  const fields: Fields = {};
  for (let at = 0; at < flat.length; at += 2) fields[String(flat[at])] = String(flat[at + 1]);
  return fields;
}
