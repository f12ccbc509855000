import type { Fault, RunNote } from './ledger.js';

/** A fault may be the cause of what happens this long after it: lease, sweep, reconnect and a restarted worker. */
export const AFTERMATH_MS = 6_000;

/** The runs of one message and what the nemesis did around them, a line each, in the order of the clock. */
export function storyOf(sentAt = Infinity, notes: readonly RunNote[], faults: readonly Fault[]): string {
  const times = notes.map(({ at }) => at);
  const begin = Math.min(sentAt, ...times);
  const end = Math.max(begin, ...times);
  const lines = [
    ...(Number.isFinite(sentAt) ? [{ at: sentAt, line: 'sent' }] : []),
    ...notes.map(({ at, fact, id, attempt, pid }) => ({ at, line: `${id} attempt ${attempt} ${fact} in ${pid}` })),
    ...faults
      .filter(({ from, to }) => from <= end && to + AFTERMATH_MS >= begin)
      .map(({ from, to, told }) => ({ at: from, line: `${told} until ${clock(to)}` })),
  ];
  return lines
    .toSorted((a, b) => a.at - b.at)
    .map(({ at, line }) => `    ${clock(at)} ${line}`)
    .join('\n');
}

const clock = (at: number): string => new Date(at).toISOString().slice(11, 23);
