import { readFileSync } from 'node:fs';
import { AFTERMATH_MS, storyOf } from './story.js';

/** What a worker notes of a run; written to a file at once, so that it outlives the worker. */
export interface RunNote {
  readonly fact: 'started' | 'done' | 'failed';
  readonly n: number;
  readonly id: string;
  readonly attempt: number;
  readonly pid: number;
  /** Milliseconds since the epoch: one machine, one clock. */
  readonly at: number;
}

/** What the producer knows of a message. */
export interface Sending {
  readonly kind: 'event' | 'request';
  /** Milliseconds since the epoch. */
  readonly sentAt: number;
  readonly outcome: 'ok' | 'unknown' | 'failed';
  readonly code?: string;
  readonly tookMs: number;
}

/** What the nemesis did, and when: milliseconds since the epoch. */
export interface Fault {
  readonly what: string;
  /** With whom it hit. */
  readonly told: string;
  readonly from: number;
  readonly to: number;
}

export interface Ledger {
  readonly sent: ReadonlyMap<number, Sending>;
  readonly notes: readonly RunNote[];
  /** Payload numbers of dead letters. */
  readonly dead: readonly number[];
  readonly faults: readonly Fault[];
  readonly leftPending: number;
  readonly leftEntries: Readonly<Record<string, number>>;
  readonly leftReplyKeys: number;
  readonly printed: string;
  readonly secret: string;
  readonly settleWithinMs: number;
}

export function readNotes(files: readonly string[]): RunNote[] {
  const lines = files.flatMap((file) => readFileSync(file, 'utf8').split('\n'));
  return lines.filter((line) => line.endsWith('}')).map((line) => JSON.parse(line) as RunNote);
}

export interface Verdict {
  readonly counts: Readonly<Record<string, number>>;
  /** How many messages succeeded more than once, by the last fault before the second run. */
  readonly doubles: Readonly<Record<string, number>>;
  /** By invariant (I1-I10 of docs/faults.md), each with the story of its message. */
  readonly violations: readonly string[];
}

/** Holds the ledger to the invariants. */
export function judge(ledger: Ledger): Verdict {
  const { sent, notes, dead } = ledger;
  const byNumber = groupBy(notes, ({ n }) => n);
  const byEntry = groupBy(notes, ({ id, n }) => `${n} ${id}`);
  const doubles: Record<string, number> = {};
  const told = (violations: readonly string[], n: number, runs: readonly RunNote[]): string[] =>
    violations.map((violation) => `${violation}\n${storyOf(sent.get(n)?.sentAt, runs, ledger.faults)}`);
  const violations: string[] = [];
  for (const [n, sending] of sent) {
    const runs = byNumber.get(n) ?? [];
    violations.push(...told(judgeSending(n, sending, runs, ledger), n, runs));
  }
  for (const [entry, runs] of byEntry) {
    violations.push(...told(judgeRuns(entry, runs, ledger, doubles), runs[0]?.n ?? NaN, runs));
  }
  violations.push(...judgeRest(ledger));
  const outcomes = [...sent.values()];
  return {
    counts: {
      sent: sent.size,
      ok: outcomes.filter(({ outcome }) => outcome === 'ok').length,
      unknown: outcomes.filter(({ outcome }) => outcome === 'unknown').length,
      failed: outcomes.filter(({ outcome }) => outcome === 'failed').length,
      runs: notes.filter(({ fact }) => fact === 'started').length,
      handled: new Set(notes.filter(({ fact }) => fact === 'done').map(({ n }) => n)).size,
      dead: dead.length,
      faults: ledger.faults.length,
    },
    doubles,
    violations,
  };
}

function judgeSending(n: number, sending: Sending, notes: readonly RunNote[], ledger: Ledger): string[] {
  const { kind, outcome, tookMs } = sending;
  const violations: string[] = [];
  const isHandled = notes.some(({ fact }) => fact === 'done') || ledger.dead.includes(n);
  if (outcome === 'ok' && !isHandled) violations.push(`I1 ${kind} ${n} was confirmed and never handled`);
  if (outcome === 'failed' && notes.length > 0)
    violations.push(`I2 ${kind} ${n} failed (${sending.code}) and was handled`);
  const copies = new Set(notes.map(({ id }) => id)).size;
  if (copies > 1) violations.push(`I3 ${kind} ${n} is stored ${copies} times`);
  if (tookMs > ledger.settleWithinMs) violations.push(`I6 ${kind} ${n} took ${Math.round(tookMs)} ms to settle`);
  return violations;
}

function judgeRuns(
  entry: string,
  notes: readonly RunNote[],
  ledger: Ledger,
  doubles: Record<string, number>,
): string[] {
  const violations: string[] = [];
  for (const [pid, own] of groupBy(notes, (note) => note.pid)) {
    let open = 0;
    for (const { fact } of own) {
      open += fact === 'started' ? 1 : -1;
      if (open > 1) violations.push(`I4 entry ${entry} ran twice at a time in process ${pid}`);
    }
  }
  const starts = notes.filter(({ fact }) => fact === 'started').toSorted((a, b) => a.at - b.at);
  const attempts = starts.map(({ attempt }) => attempt);
  if (new Set(attempts).size < attempts.length)
    violations.push(`I5 entry ${entry} has runs ${attempts.join()} (attempts)`);
  const last = starts.at(-1);
  if (notes.filter(({ fact }) => fact === 'done').length < 2 || !last) return violations;
  const cause = ledger.faults.findLast(({ from, to }) => from < last.at && last.at < to + AFTERMATH_MS);
  const name = cause?.what ?? 'nothing';
  doubles[name] = (doubles[name] ?? 0) + 1;
  if (!cause) violations.push(`I5 entry ${entry} was handled twice, and nothing had happened`);
  return violations;
}

function judgeRest({ leftPending, leftEntries, leftReplyKeys, dead, printed, secret }: Ledger): string[] {
  const violations: string[] = [];
  if (leftPending > 0) violations.push(`I7 ${leftPending} entries are pending at the end`);
  for (const [what, count] of Object.entries(leftEntries)) {
    if (count > 0) violations.push(`I7 ${count} left over: ${what}`);
  }
  if (leftReplyKeys > 0) violations.push(`I7 ${leftReplyKeys} reply streams outlived their client`);
  if (dead.length > 0) violations.push(`I1 ${dead.length} messages are dead letters that only met faults`);
  if (printed.includes(secret)) violations.push('I10 the output contains a payload');
  return violations;
}

function groupBy<T, Key>(items: readonly T[], keyOf: (item: T) => Key): Map<Key, T[]> {
  const groups = new Map<Key, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}
