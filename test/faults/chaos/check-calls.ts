import { excusedMs, excusesIn } from './fault-effects.js';
import type { Affected } from './fault-effects.js';
import { GROUP, PUBLISH_TIMEOUT_MS, REQUEST_TIMEOUT_MS } from './flows.js';
import type { Ledger, Sending } from './ledger.js';
import type { ExpiryNote } from './notes.js';
import { groupBy } from './runs.js';
import type { Run } from './runs.js';
import { timelineOf } from './timeline.js';

/** How long a run may outlive its caller. A run whose reply stream is gone retries for as long first. */
const ENDS_WITHIN_MS = 1_000;
const SLACK_MS = 1_000;
/** Time left for a request that waited for its connection as long as possible. */
const LEAST_PATIENCE_MS = REQUEST_TIMEOUT_MS - PUBLISH_TIMEOUT_MS;
/** How long the reply stream of a client exists after its last renewal. */
const REPLY_STREAM_MS = 60_000;
/** Workers read the clock of Redis over links that may stall, and may be frozen before they record a start. */
const CLOCK_SLACK_MS = 3_000;
/** How long a reply may take after FLUSHALL: its client creates the reply stream again, and the server writes again. */
const ANSWER_MS = 2_000;

/** I12, I15, I16 and I17: what callers got, and what ran without a caller. */
export function checkCalls(ledger: Ledger, runs: readonly Run[]): string[] {
  const byNumber = groupBy(
    runs.filter(({ group }) => group === GROUP),
    ({ n }) => n,
  );
  const violations: string[] = [];
  for (const [n, sending] of ledger.sent) {
    if (sending.flow !== 'request' && sending.flow !== 'streamed') continue;
    const own = byNumber.get(n) ?? [];
    const found = [
      ...checkAnswer(n, sending),
      ...checkStaleRuns(n, sending, own),
      ...(sending.flow === 'streamed' ? checkLeft(n, sending, own, ledger) : checkUnanswered(n, sending, own, ledger)),
    ];
    if (found.length === 0) continue;
    const notes = ledger.notes.runs.filter((note) => note.n === n);
    violations.push(...found.map((what) => `${what}\n${timelineOf(sending.sentAt, notes, ledger.faults)}`));
  }
  return [...violations, ...ledger.notes.expired.flatMap((note) => checkExpiry(note, ledger))];
}

function checkAnswer(n: number, { flow, wrongAnswer }: Sending): string[] {
  return wrongAnswer === undefined ? [] : [`I12 ${flow} ${n} got a wrong answer: ${wrongAnswer}`];
}

function checkStaleRuns(n: number, { flow, sentAt }: Sending, runs: readonly Run[]): string[] {
  if (flow !== 'request') return [];
  return runs
    .map(({ startedAt }) => Math.round(startedAt - sentAt))
    .filter((age) => age > REQUEST_TIMEOUT_MS + CLOCK_SLACK_MS)
    .map((age) => `I16 request ${n} ran ${age} ms after it was sent: its caller had given up`);
}

function checkExpiry({ id, stream, pid, at }: ExpiryNote, { faults, producerPid }: Ledger): string[] {
  const addedAt = Number(id.split('-')[0]);
  const age = Math.round(at - addedAt);
  // A request that waited for the first connection may have little time left when it is written.
  const excuses = excusesIn(faults, { stream, pids: [producerPid] }, addedAt - REQUEST_TIMEOUT_MS, at);
  if (age >= LEAST_PATIENCE_MS || excuses.length > 0) return [];
  return [`I16 ${pid} did not run request ${id} of ${stream} after ${age} ms: its caller was still waiting`];
}

/** Reports a request that was handled in time, but whose caller got no answer. */
function checkUnanswered(n: number, sending: Sending, runs: readonly Run[], ledger: Ledger): string[] {
  const done = runs.find(({ end }) => end === 'done');
  const deadline = sending.sentAt + REQUEST_TIMEOUT_MS;
  if (sending.outcome === 'ok' || !done || done.endedAt > deadline - ANSWER_MS) return [];
  const affected: Affected = { stream: done.stream, pids: [...runs.map(({ pid }) => pid), ledger.producerPid] };
  const excuses = excusesIn(ledger.faults, affected, done.startedAt - 100, deadline).filter(
    // A reply after FLUSHALL goes to a reply stream that is created again.
    ({ kind, to }) => kind !== 'flush-all' || done.endedAt < to + 50,
  );
  if (excuses.length > 0) return [];
  return [`I17 request ${n} was handled, but its caller got ${sending.code ?? sending.outcome}`];
}

function checkLeft(n: number, sending: Sending, runs: readonly Run[], ledger: Ledger): string[] {
  const { sentAt, firstValueAt, leftAt, leaving } = sending;
  if (leftAt === undefined || leaving === undefined) return [];
  const isHardToTell = firstValueAt === undefined || isIdUnknown(sentAt, firstValueAt, ledger);
  return runs.flatMap((run) => {
    const from = Math.max(leftAt, run.startedAt);
    const to = Math.min(run.endedAt, endOf(ledger));
    const affected: Affected = { stream: run.stream, pids: [run.pid, ledger.producerPid] };
    const unexplained = to - from - excusedMs(ledger.faults, affected, from, to);
    const allowed = SLACK_MS + (isUnheard(sending, ledger) ? REPLY_STREAM_MS : 0) + endsWithinMs(leaving);
    if (unexplained <= allowed || (isHardToTell && leaving !== 'cut off')) return [];
    const age = Math.round(to - from);
    return [`I15 the run of streamed ${n} in ${run.pid} went on for ${age} ms after its caller left (${leaving})`];
  });
}

const endsWithinMs = (leaving: Sending['leaving']): number =>
  leaving === 'cut off' ? 2 * ENDS_WITHIN_MS : ENDS_WITHIN_MS;

/** Reply streams that may be left at the end: those of clients that closed unheard less than a minute before. */
export const unheardAtEnd = (ledger: Ledger): number =>
  [...ledger.sent.values()].filter(
    (sending) => isUnheard(sending, ledger) && endOf(ledger) - (sending.leftAt ?? 0) < REPLY_STREAM_MS,
  ).length;

/** A client that closes while Redis does not answer cannot cancel anything: its runs end as if the client had died. */
function isUnheard({ leaving, leftAt = 0 }: Sending, { faults, producerPid }: Ledger): boolean {
  return (
    leaving === 'closed' && excusesIn(faults, { stream: 'none', pids: [producerPid] }, leftAt, leftAt + 1).length > 0
  );
}

/** If the confirmation of its request was lost, a client does not know which entry to delete. */
function isIdUnknown(sentAt: number, firstValueAt: number, { faults, producerPid }: Ledger): boolean {
  return excusesIn(faults, { stream: 'none', pids: [producerPid] }, sentAt, firstValueAt).length > 0;
}

function endOf({ notes }: Ledger): number {
  return notes.samples.reduce((latest, { at }) => Math.max(latest, at), 0);
}
