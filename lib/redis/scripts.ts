import type { RedisClient } from '../interfaces/connection.js';
import {
  ACK_OWNED,
  CANCEL_REQUEST,
  DEAD_LETTER,
  HAND_BACK,
  REDRIVE,
  RENEW,
  RETAKE,
  RETIRE,
  TAKE,
  TRIM,
} from './lua.generated.js';
import type { Script } from './script.js';
import type { StreamEntry } from './stream-commands.js';

/** A stream, a group on it and this process's consumer in that group: what most scripts work on. */
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

/** What a script needs to know about an entry: requests are deleted when they are settled. */
export interface OwnedEntry {
  readonly id: string;
  readonly request: object | undefined;
}

/** The number of requests, then their ids, then the other ids. */
function idsByKind(entries: readonly OwnedEntry[]): (string | number)[] {
  const requests = entries.filter(({ request }) => request);
  const others = entries.filter(({ request }) => !request);
  return [requests.length, ...requests.map(({ id }) => id), ...others.map(({ id }) => id)];
}

export interface Renewal {
  /** Entries that another consumer owns by now, or that are settled. */
  readonly lost: readonly string[];
  /** Requests that were deleted: their callers are gone. */
  readonly deleted: readonly string[];
}

/** Extends the lease of entries. */
export async function renewLease(
  client: RedisClient,
  at: Membership,
  entries: readonly OwnedEntry[],
): Promise<Renewal> {
  const args = [at.group, at.consumer, ...idsByKind(entries)];
  const [lost, deleted] = (await runScript(client, RENEW, [at.stream], args)) as [string[], string[]];
  return { lost, deleted };
}

/** Acks entries that this consumer still owns, and deletes the requests among them. Returns the ids of the rest. */
export async function ackOwned(client: RedisClient, at: Membership, entries: readonly OwnedEntry[]): Promise<string[]> {
  return (await runScript(client, ACK_OWNED, [at.stream], [at.group, at.consumer, ...idsByKind(entries)])) as string[];
}

/**
 * Counts a further attempt of entries that this consumer owns, and returns their fields: null for an entry that was
 * deleted, and nothing for an entry that this consumer does not own.
 */
export async function retakeEntries(
  client: RedisClient,
  at: Membership,
  entries: readonly { readonly id: string; readonly attempt: number }[],
): Promise<Map<string, readonly string[] | null>> {
  const args = entries.flatMap(({ id, attempt }) => [id, attempt]);
  const reply = await runScript(client, RETAKE, [at.stream], [at.group, at.consumer, ...args]);
  return new Map(reply as [string, string[] | null][]);
}

export interface TakeRule {
  /** Takes only entries of this consumer; absent: of any. */
  readonly from?: string;
  readonly minIdleMs: number;
  /** Takes only entries that were idle for less than this; absent: for any time. */
  readonly belowIdleMs?: number;
  /** Whether taking an entry counts as a further attempt. */
  readonly countAttempt: boolean;
}

/** Makes this consumer the owner of pending entries and returns them with their fields and attempts. */
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

/** Outcome of storing a dead letter. `gone`: the entry had been deleted, and was acked. */
export interface DeadLetterOutcome {
  readonly status: 'stored' | 'not-owned' | 'gone';
  /** Id in the dead-letter stream, if it was stored. */
  readonly letterId?: string;
}

/** If this consumer still owns an entry, stores a copy with its raw bytes and acks the entry, both or neither. */
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
 * Idle time of an entry that is handed over: so long that the next sweep of any instance takes the entry, whatever the
 * lease, and that the new owner can tell it from entries that were delivered to it.
 */
export const HANDED_OVER_IDLE_MS = 86_400_000;

/**
 * Hands entries over, so that the next sweep of any instance takes them. If they were `started`, their attempt counts.
 * Returns the ids of entries that had been deleted; these are acked.
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
 * Outcome of redriving a dead letter. Except for `redriven` and `missing`, the dead letter stays where it is:
 * - `foreign`: no server wrote the entry as a dead letter
 * - `elsewhere`: it failed in another stream, which has the same dead-letter stream
 * - `no-group`: its group does not exist
 * - `too-wide`: it has more fields than a script can write
 */
export type RedriveOutcome = 'redriven' | 'missing' | 'foreign' | 'elsewhere' | 'no-group' | 'too-wide';

/** Makes a dead letter run again in the group in which it failed. */
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
export async function retireConsumer(client: RedisClient, at: Membership, shape: string | undefined): Promise<boolean> {
  return (await retire(client, at, { shape, idleMs: '', nowMs: 0 })) > 0;
}

export interface RetireRule {
  /** Hash in which consumers record that they are alive; absent if the Redis user has no access to it. */
  readonly shape: string | undefined;
  readonly idleMs: number;
  readonly nowMs: number;
}

/** Removes other consumers that have nothing pending and were not seen for `idleMs`. */
export function retireIdleConsumers(client: RedisClient, at: Membership, rule: RetireRule): Promise<number> {
  return retire(client, at, rule);
}

async function retire(
  client: RedisClient,
  at: Membership,
  { shape, idleMs, nowMs }: Omit<RetireRule, 'idleMs'> & { readonly idleMs: number | '' },
): Promise<number> {
  const keys = shape === undefined ? [at.stream] : [at.stream, shape];
  return Number(await runScript(client, RETIRE, keys, [at.group, at.consumer, idleMs, Math.floor(nowMs)]));
}

export interface TrimRule {
  /** How many of the newest entries to keep, for groups that have not declared anything else. */
  readonly maxLength: number;
  /** Oldest id to keep, for the same groups; '' = any. */
  readonly oldestId: string;
  readonly nowMs: number;
  /** Groups that hold back more entries than this are reported. */
  readonly muchHeldBack: number;
  /** Hash with what the groups of the stream have declared; absent if the Redis user has no access to it. */
  readonly shape: string | undefined;
}

export interface HoldingGroup {
  readonly group: string;
  /** How many entries it keeps from being trimmed. */
  readonly lag: number;
  /** Whether its `groupTtl` is over, so that it did not keep them from being trimmed. */
  readonly isLeftOut: boolean;
}

export interface Trimmed {
  /** By how many entries the stream is still too long. */
  readonly excess: number;
  /** Groups that hold back many entries, or whose `groupTtl` is over, and that no consumer seems to read. */
  readonly holding: readonly HoldingGroup[];
}

/** Trims entries that every group has settled, by the largest retention that a group of the stream asks for. */
export async function trimSettled(client: RedisClient, at: Membership, rule: TrimRule): Promise<Trimmed> {
  const keys = rule.shape === undefined ? [at.stream] : [at.stream, rule.shape];
  const args = [rule.maxLength, rule.oldestId, Math.floor(rule.nowMs), at.group, rule.muchHeldBack];
  const [excess, ...flat] = (await runScript(client, TRIM, keys, args)) as [number, ...(string | number)[]];
  const holding: HoldingGroup[] = [];
  for (let i = 0; i + 2 < flat.length; i += 3) {
    holding.push({ group: String(flat[i]), lag: Number(flat[i + 1]), isLeftOut: flat[i + 2] === '1' });
  }
  return { excess, holding };
}

export interface CancelledRequest {
  readonly entryId: string;
  readonly requestId: string;
}

/**
 * Deletes requests of one stream, and announces on the control channel those that a server has already read. Returns
 * what Redis refused after the deletion; undefined if nothing.
 */
export async function cancelRequests(
  client: RedisClient,
  stream: string,
  channel: string,
  requests: readonly CancelledRequest[],
): Promise<string | undefined> {
  const pairs = requests.flatMap(({ entryId, requestId }) => [entryId, requestId]);
  const refused = (await runScript(client, CANCEL_REQUEST, [stream], [channel, ...pairs])) as string;
  return refused === '' ? undefined : refused;
}

/** Runs a script by its SHA-1, and sends its body to a server that does not know it. */
export async function runScript(
  client: RedisClient,
  { sha, body }: Script,
  keys: readonly string[],
  args: readonly (string | number)[],
): Promise<unknown> {
  // As one list: a call accepts a limited number of arguments.
  const rest = [keys.length, ...keys, ...args];
  try {
    return await client.call('evalsha', [sha, ...rest]);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
    return client.call('eval', [body, ...rest]);
  }
}
