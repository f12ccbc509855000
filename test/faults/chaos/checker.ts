import { checkCalls, unheardAtEnd } from './check-calls.js';
import { checkRuns } from './check-runs.js';
import { checkSendings } from './check-sendings.js';
import { checkUse, peaksOf } from './check-use.js';
import type { Ledger, Verdict } from './ledger.js';
import { runsOf } from './runs.js';

/** Checks the ledger against the invariants. A hiccup explains as much as a injection, but does not count as one. */
export function check(written: Ledger): Verdict {
  const faults = [...written.faults, ...written.hiccups].toSorted((a, b) => a.from - b.from);
  const ledger = { ...written, faults };
  const runs = runsOf(ledger.notes.runs, ledger.deaths);
  const { doubles, violations } = checkRuns(ledger, runs);
  return {
    counts: countsOf(written),
    doubles,
    faults: tally(written.faults.map(({ kind }) => kind)),
    peaks: peaksOf(ledger),
    violations: [
      ...checkSendings(ledger),
      ...violations,
      ...checkCalls(ledger, runs),
      ...checkUse(ledger),
      ...checkRest(ledger),
    ],
  };
}

function countsOf({ sent, notes, dead, faults }: Ledger): Record<string, number> {
  const { ok = 0, unknown = 0, failed = 0 } = tally([...sent.values()].map(({ outcome }) => outcome));
  return {
    sent: sent.size,
    ok,
    unknown,
    failed,
    runs: notes.runs.filter(({ fact }) => fact === 'started').length,
    handled: new Set(notes.runs.filter(({ fact }) => fact === 'done').map(({ n }) => n)).size,
    dead: dead.length,
    left: [...sent.values()].filter(({ leaving }) => leaving !== undefined).length,
    faults: faults.length,
  };
}

function checkRest(ledger: Ledger): string[] {
  const { leftPending, leftEntries, leftReplyKeys, printed, secret } = ledger;
  const violations: string[] = [];
  if (leftPending > 0) violations.push(`I7 ${leftPending} entries are pending at the end`);
  for (const [what, count] of Object.entries(leftEntries)) {
    if (count > 0) violations.push(`I7 ${count} left over: ${what}`);
  }
  if (leftReplyKeys > unheardAtEnd(ledger)) violations.push(`I7 ${leftReplyKeys} reply streams outlived their client`);
  if (printed.includes(secret)) violations.push('I10 the output contains a payload');
  return violations;
}

function tally(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}
