import { causeOfDouble, leaseMayHaveEnded } from './fault-effects.js';
import type { Ledger } from './ledger.js';
import { groupBy } from './runs.js';
import type { Run } from './runs.js';
import { timelineOf } from './timeline.js';

export interface RunsVerdict {
  readonly doubles: Record<string, number>;
  readonly violations: string[];
}

/** I4, I5 and I11: how often each entry ran in each group, and which of its runs overlapped. */
export function checkRuns(ledger: Ledger, runs: readonly Run[]): RunsVerdict {
  const doubles: Record<string, number> = {};
  const violations: string[] = [];
  const notes = groupBy(ledger.notes.runs, nameOf);
  for (const [entry, own] of groupBy(runs, nameOf)) {
    if (own.length < 2) continue;
    const inOrder = own.toSorted((a, b) => a.startedAt - b.startedAt);
    const found = [...checkOverlaps(entry, inOrder, ledger), ...checkRepeats(entry, inOrder, ledger, doubles)];
    if (found.length === 0) continue;
    const timeline = timelineOf(ledger.sent.get(inOrder[0]?.n ?? NaN)?.sentAt, notes.get(entry) ?? [], ledger.faults);
    violations.push(...found.map((violation) => `${violation}\n${timeline}`));
  }
  return { doubles, violations };
}

/** Includes the number of the message: an emptied stream may assign an id a second time. */
const nameOf = ({ n, stream, id, group }: Pick<Run, 'n' | 'stream' | 'id' | 'group'>): string =>
  `${n} ${stream} ${id} ${group}`;

function checkOverlaps(entry: string, inOrder: readonly Run[], { faults }: Ledger): string[] {
  const violations: string[] = [];
  inOrder.forEach((later, at) => {
    for (const earlier of inOrder.slice(0, at)) {
      if (earlier.endedAt <= later.startedAt) continue;
      if (earlier.pid === later.pid) violations.push(`I4 two runs of entry ${entry} overlapped in ${later.pid}`);
      else if (!leaseMayHaveEnded(faults, { stream: later.stream, earlier, later })) {
        violations.push(`I11 runs of entry ${entry} overlapped in ${earlier.pid} and ${later.pid} within its lease`);
      }
    }
  });
  return violations;
}

function checkRepeats(
  entry: string,
  inOrder: readonly Run[],
  ledger: Ledger,
  doubles: Record<string, number>,
): string[] {
  const violations: string[] = [];
  const attempts = inOrder.map(({ attempt }) => attempt);
  if (new Set(attempts).size < attempts.length) {
    violations.push(`I5 entry ${entry} has runs with the same attempt number: ${attempts.join()}`);
  }
  const last = inOrder.at(-1);
  if (!last || inOrder.filter(({ end }) => end === 'done').length < 2) return violations;
  violations.push(...checkReleases(entry, inOrder, ledger));
  const cause = causeOfDouble(
    ledger.faults,
    { stream: last.stream, pids: inOrder.map(({ pid }) => pid) },
    last.startedAt,
  );
  const name = cause?.kind ?? 'nothing';
  doubles[name] = (doubles[name] ?? 0) + 1;
  if (!cause) violations.push(`I5 entry ${entry} was handled twice without a fault`);
  return violations;
}

/** A handled entry is held until Redis has its ack: others get it only when its lease or its process ends. */
function checkReleases(entry: string, inOrder: readonly Run[], { faults, deaths }: Ledger): string[] {
  return inOrder.flatMap((later, at) => {
    const earlier = inOrder.slice(0, at).findLast(({ end }) => end === 'done');
    if (!earlier || earlier.endedAt > later.startedAt) return [];
    if (isTakenInBetween(inOrder, earlier, later)) return [];
    if ((deaths.get(earlier.pid) ?? Infinity) < later.startedAt) return [];
    if (leaseMayHaveEnded(faults, { stream: later.stream, earlier, later })) return [];
    return [`I5 entry ${entry} was handled in ${earlier.pid}, and again in ${later.pid} before its lease ended`];
  });
}

/** A run in between took the entry over: that takeover is checked, and the later one only against the run in between. */
const isTakenInBetween = (runs: readonly Run[], earlier: Run, later: Run): boolean =>
  runs.some((other) => other !== later && other.attempt > earlier.attempt && other.startedAt < later.startedAt);
