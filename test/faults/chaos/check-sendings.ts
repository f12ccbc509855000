import { excusesIn } from './fault-effects.js';
import { FLOWS, PUBLISH_TIMEOUT_MS, REQUEST_TIMEOUT_MS } from './flows.js';
import type { Fault, Ledger, Sending } from './ledger.js';
import type { RunNote } from './notes.js';
import { NO_HANDLER } from './outcome.js';
import { groupBy } from './runs.js';
import { timelineOf } from './timeline.js';

/** Slack for timers on a busy machine. */
const SLACK_MS = 1_500;
/** After FLUSHALL servers create their groups again once they have reconnected, which other faults may delay. */
const GROUPS_BACK_MS = 5_000;

interface Fate {
  readonly n: number;
  readonly sending: Sending;
  readonly notes: readonly RunNote[];
  readonly letters: number;
  /** Redis was emptied after the message was sent: if it was not handled by then, it may be lost. */
  readonly mayBeDestroyed: boolean;
}

/** I1, I2, I3, I6 and I18: the outcome of each message. */
export function checkSendings({ sent, notes, dead, faults, producerPid }: Ledger): string[] {
  const byNumber = groupBy(notes.runs, ({ n }) => n);
  const letters = groupBy(dead, (n) => n);
  return [...sent].flatMap(([n, sending]) => {
    const own = byNumber.get(n) ?? [];
    const mayBeDestroyed = isDestroyed(sending, faults);
    const fate: Fate = { n, sending, notes: own, letters: letters.get(n)?.length ?? 0, mayBeDestroyed };
    const violations = [
      ...checkEnd(fate),
      ...checkStorage(fate),
      ...checkTime(fate),
      ...checkLostGroup(fate, faults),
      ...checkFailure(fate, faults, producerPid),
    ];
    return violations.map((violation) => `${violation}\n${timelineOf(sending.sentAt, own, faults)}`);
  });
}

const isDestroyed = ({ sentAt }: Sending, faults: readonly Fault[]): boolean =>
  faults.some(({ kind, to }) => kind === 'flush-all' && sentAt <= to);

function checkEnd(fate: Fate): string[] {
  const { n, sending, notes, letters, mayBeDestroyed } = fate;
  const { flow, outcome } = sending;
  const isHandled = notes.some(({ fact, group }) => fact === 'done' && isOfWorkers(group));
  const isPoison = flow === 'poison';
  const violations: string[] = [];
  if (letters > 0 && !isPoison) violations.push(`I1 ${flow} ${n} is a dead letter, but does not fail for good`);
  if (letters > 1) violations.push(`I1 ${flow} ${n} has ${letters} dead letters`);
  const isSettled = isPoison ? letters > 0 : isHandled || isLeft(sending);
  if (outcome === 'ok' && !isSettled && !mayBeDestroyed && letters === 0) {
    violations.push(`I1 ${flow} ${n} was confirmed but never ${isPoison ? 'became a dead letter' : 'handled'}`);
  }
  return violations;
}

/** A run of the audit group does not answer a request. */
const isOfWorkers = (group: string): boolean => FLOWS.event.groups.some((name) => name === group);

const isLeft = ({ leaving }: Sending): boolean => leaving !== undefined;

function checkStorage({ n, sending: { flow, outcome, code }, notes }: Fate): string[] {
  const violations: string[] = [];
  if (outcome === 'failed' && notes.length > 0) violations.push(`I2 ${flow} ${n} failed (${code}) but was handled`);
  const copies = new Set(notes.map(({ id }) => id)).size;
  if (copies > 1) violations.push(`I3 ${flow} ${n} was stored ${copies} times`);
  return violations;
}

function checkTime({ n, sending: { flow, tookMs, code } }: Fate): string[] {
  const within = Math.max(2 * PUBLISH_TIMEOUT_MS, REQUEST_TIMEOUT_MS) + SLACK_MS;
  const violations: string[] = [];
  if (tookMs > within) violations.push(`I6 ${flow} ${n} took ${Math.round(tookMs)} ms to settle`);
  if (code?.startsWith('untyped')) violations.push(`I6 ${flow} ${n} failed with a foreign error: ${code}`);
  return violations;
}

/** A request fails because no group reads its stream: only a fault that removes groups explains that. */
function checkLostGroup({ n, sending: { flow, code, sentAt, tookMs } }: Fate, faults: readonly Fault[]): string[] {
  if (code !== NO_HANDLER) return [];
  const isExplained = faults.some(
    ({ kind, from, to }) => kind === 'flush-all' && from < sentAt + tookMs && sentAt < to + GROUPS_BACK_MS,
  );
  return isExplained ? [] : [`I6 ${flow} ${n} found no group on its stream, but no fault had removed it`];
}

/** Publishing depends only on the sender's own connection and on the server of the stream. */
function checkFailure({ n, sending }: Fate, faults: readonly Fault[], producerPid: number): string[] {
  const { flow, outcome, code, sentAt, tookMs } = sending;
  if (outcome === 'ok' || flow === 'request' || flow === 'streamed') return [];
  const affected = { stream: FLOWS[flow].stream, pids: [producerPid] };
  if (excusesIn(faults, affected, sentAt, sentAt + tookMs).length > 0) return [];
  return [`I18 ${flow} ${n} ended with "${code ?? outcome}", but no fault hit its stream or its sender`];
}
