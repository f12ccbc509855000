import type { TargetName } from './chaos.js';
import type { Verdict } from './ledger.js';

/** Sums up a run and its results in one line, ready to paste. */
export function summaryOf(run: { seed: number; seconds: number; target: TargetName }, verdict: Verdict): string {
  const { sent, ok, unknown, failed, runs } = verdict.counts;
  const parts = [
    `seed ${run.seed}`,
    `${run.target} ${run.seconds} s`,
    `sent ${sent}, confirmed ${ok}, unknown ${unknown}, failed ${failed}, runs ${runs}`,
    `doubles: ${listOf(verdict.doubles)}`,
    `faults: ${listOf(verdict.faults)}`,
    `violations: ${listOf(violationsByInvariant(verdict))}`,
  ];
  return parts.join('; ');
}

/** Number of violations of each invariant. */
function violationsByInvariant({ violations }: Verdict): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const violation of violations) {
    const name = violation.split(' ', 1)[0] ?? '';
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

function listOf(counts: Readonly<Record<string, number>>): string {
  const entries = Object.entries(counts).toSorted(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }));
  return entries.length === 0 ? 'none' : entries.map(([name, count]) => `${name} ${count}`).join(' ');
}
