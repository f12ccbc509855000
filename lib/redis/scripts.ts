import type { RedisClient } from '../interfaces/connection.js';
import { DEAD_LETTER, HAND_BACK, REDRIVE, RENEW, RETIRE, TAKE, TRIM } from './lua.generated.js';
import type { Script } from './script.js';
import type { StreamEntry } from './stream-commands.js';

/** A stream, a group on it and this process' consumer in that group: what every script works on. */
export interface Membership {
  readonly stream: string;
  readonly group: string;
  readonly consumer: string;
}

export interface TakenEntry extends StreamEntry {
  readonly attempt: number;
  readonly from: string;
}

export interface DeadLetter {
  readonly id: string;
  readonly deadLetterStream: string;
  readonly deleteEntry: boolean;
  /** Names and values to add to the fields of the entry. */
  readonly extra: readonly string[];
}

/** Extends the lease of entries. Returns the ids that another consumer owns by now, or that are settled. */
export async function renewLease(client: RedisClient, at: Membership, ids: readonly string[]): Promise<string[]> {
  return (await runScript(client, RENEW, [at.stream], [at.group, at.consumer, ...ids])) as string[];
}

export interface TakeRule {
  /** Only entries of this consumer; absent: of any. */
  readonly from?: string;
  readonly minIdleMs: number;
  /** Not what was idle for so long; absent: however long. */
  readonly belowIdleMs?: number;
  /** Whether what follows counts as a further attempt. */
  readonly countAttempt: boolean;
}

/** Makes this consumer the owner of pending entries and returns them with their bodies and attempts. */
export async function takeEntries(
  client: RedisClient,
  at: Membership,
  rule: TakeRule,
  ids: readonly string[],
): Promise<TakenEntry[]> {
  const step = rule.countAttempt ? 1 : 0;
  const reply = await runScript(
    client,
    TAKE,
    [at.stream],
    [at.group, at.consumer, rule.from ?? '', rule.minIdleMs, rule.belowIdleMs ?? '', step, ...ids],
  );
  return (reply as [string, number, string[] | null, string][]).map(([id, attempt, fields, from]) => ({
    id,
    attempt,
    fields,
    from,
  }));
}

/** What became of an entry that was to be a dead letter. `gone`: somebody deleted it; it was acked. */
export interface DeadLetterOutcome {
  readonly status: 'stored' | 'not-owned' | 'gone';
  /** Id in the dead-letter stream, where it was stored. */
  readonly letterId?: string;
}

/** Stores a copy of an entry with its raw bytes and acks the entry, both or neither, if this consumer still owns it. */
export async function storeDeadLetter(
  client: RedisClient,
  at: Membership,
  letter: DeadLetter,
): Promise<DeadLetterOutcome> {
  const keys = [at.stream, letter.deadLetterStream];
  const args = [at.group, at.consumer, letter.id, letter.deleteEntry ? '1' : '0', ...letter.extra];
  const reply = await runScript(client, DEAD_LETTER, keys, args);
  const [status, letterId] = reply as [DeadLetterOutcome['status'], string?];
  return { status, ...(letterId !== undefined && { letterId }) };
}

/**
 * What an entry is given as its idle time when it is handed over: so long that the next sweep of any instance takes it,
 * whatever its lease, and that its new owner can tell it from what was delivered to it.
 */
export const HANDED_OVER_IDLE_MS = 86_400_000;

/**
 * Gives entries away so that the next sweep of any instance takes them. Those that were `started` keep their attempts.
 * Returns the ids of entries that somebody deleted; these are acked.
 */
export async function handBack(
  client: RedisClient,
  at: Membership,
  ids: readonly string[],
  started: boolean,
): Promise<string[]> {
  const args = [at.group, at.consumer, HANDED_OVER_IDLE_MS, started ? 0 : 1, ...ids];
  return (await runScript(client, HAND_BACK, [at.stream], args)) as string[];
}

/**
 * What became of a letter that was to be redriven. All but the first and the second stay where they are:
 * - `foreign`: an entry that no server wrote as a dead letter
 * - `homeless`: its entry is still in the stream, its group is not
 * - `too-wide`: it has more fields than a script can write
 */
export type RedriveOutcome = 'redriven' | 'missing' | 'foreign' | 'homeless' | 'too-wide';

/** Gives a dead letter another life in the group that it failed in. */
export async function redriveLetter(
  client: RedisClient,
  stream: string,
  deadLetterStream: string,
  letterId: string,
): Promise<RedriveOutcome> {
  const keys = [stream, deadLetterStream];
  return (await runScript(client, REDRIVE, keys, [letterId, HANDED_OVER_IDLE_MS])) as RedriveOutcome;
}

/** Removes this consumer if it has nothing pending. */
export async function retireConsumer(client: RedisClient, at: Membership): Promise<boolean> {
  return Number(await runScript(client, RETIRE, [at.stream], [at.group, at.consumer, ''])) > 0;
}

/** Removes other consumers that have nothing pending and were not seen for `idleMs`. */
export async function retireIdleConsumers(client: RedisClient, at: Membership, idleMs: number): Promise<number> {
  return Number(await runScript(client, RETIRE, [at.stream], [at.group, at.consumer, idleMs]));
}

/**
 * Trims what every group has settled, down to `maxLength` and, where given, to entries from `oldestId` on. Returns by how
 * much the stream is still longer than that.
 */
export async function trimSettled(
  client: RedisClient,
  stream: string,
  maxLength: number,
  oldestId: string | undefined,
): Promise<number> {
  return Number(await runScript(client, TRIM, [stream], [maxLength, oldestId ?? '']));
}

/** Runs a script by its name, and teaches it to a server that does not know it. */
export async function runScript(
  client: RedisClient,
  { sha, body }: Script,
  keys: readonly string[],
  args: readonly (string | number)[],
): Promise<unknown> {
  try {
    return await client.evalsha(sha, keys.length, ...keys, ...args);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
    return client.eval(body, keys.length, ...keys, ...args);
  }
}
