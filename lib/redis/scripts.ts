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

/** An entry as far as a script needs to know it: requests go when they are settled. */
export interface OwnedEntry {
  readonly id: string;
  readonly request: object | undefined;
}

/** Requests first, with their number in front. */
function idsByKind(entries: readonly OwnedEntry[]): (string | number)[] {
  const requests = entries.filter(({ request }) => request);
  const others = entries.filter(({ request }) => !request);
  return [requests.length, ...requests.map(({ id }) => id), ...others.map(({ id }) => id)];
}

export interface Renewal {
  /** Another consumer owns these by now, or they are settled. */
  readonly lost: readonly string[];
  /** These requests were deleted: their callers are gone. */
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

/** Acks entries that this consumer still owns. Returns the ids of those that it does not. */
export async function ackOwned(client: RedisClient, at: Membership, entries: readonly OwnedEntry[]): Promise<string[]> {
  return (await runScript(client, ACK_OWNED, [at.stream], [at.group, at.consumer, ...idsByKind(entries)])) as string[];
}

/**
 * Counts a further attempt of entries that this consumer owns, and returns their fields; null where an entry was deleted, and
 * nothing where another consumer owns it.
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
 * - `elsewhere`: it failed in another stream, whose letters are in the same place
 * - `homeless`: its group does not exist
 * - `too-wide`: it has more fields than a script can write
 */
export type RedriveOutcome = 'redriven' | 'missing' | 'foreign' | 'elsewhere' | 'homeless' | 'too-wide';

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
export async function retireConsumer(client: RedisClient, at: Membership, shape: string | undefined): Promise<boolean> {
  return (await retire(client, at, { shape, idleMs: '', nowMs: 0 })) > 0;
}

export interface RetireRule {
  /** Hash in which consumers sign that they are there; absent where this user may not use it. */
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
  /** Newest entries to keep, where a group has not said anything else. */
  readonly maxLength: number;
  /** Oldest id to keep, likewise; '' = any. */
  readonly oldestId: string;
  readonly nowMs: number;
  /** Who holds back more than this is told of. */
  readonly muchHeldBack: number;
  /** Hash with what the groups of the stream have said; absent where this user may not read it. */
  readonly shape: string | undefined;
}

export interface HoldingGroup {
  readonly group: string;
  /** Entries that it keeps from being trimmed. */
  readonly lag: number;
  /** Whether they were trimmed all the same, by its own `groupTtl`. */
  readonly isLeftOut: boolean;
}

export interface Trimmed {
  /** By how much the stream is still too long. */
  readonly excess: number;
  /** Groups that hold much back and that no consumer seems to read. */
  readonly holding: readonly HoldingGroup[];
}

/** Trims what every group has settled, by the largest retention that a group of the stream asks for. */
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
 * Deletes requests of one stream, and announces on the control channel those that a server has read already. Returns what
 * Redis refused once the deletion was done; undefined when nothing.
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

/** Runs a script by its name, and teaches it to a server that does not know it. */
export async function runScript(
  client: RedisClient,
  { sha, body }: Script,
  keys: readonly string[],
  args: readonly (string | number)[],
): Promise<unknown> {
  // As one list: a call takes only so many arguments.
  const rest = [keys.length, ...keys, ...args];
  try {
    return await client.call('evalsha', [sha, ...rest]);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
    return client.call('eval', [body, ...rest]);
  }
}
