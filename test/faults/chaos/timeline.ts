import type { Fault } from './ledger.js';
import type { RunNote } from './notes.js';

/** Faults that ended longer than this before the timeline begins are left out. */
const TOLD_FOR_MS = 6_000;

/** The runs of one message and the faults around them, one line each, in order of time. */
export function timelineOf(sentAt = Infinity, notes: readonly RunNote[], faults: readonly Fault[]): string {
  const times = notes.map(({ at }) => at);
  const begin = Math.min(sentAt, ...times);
  const end = Math.max(begin, ...times);
  const lines = [
    ...(Number.isFinite(sentAt) ? [{ at: sentAt, line: 'sent' }] : []),
    ...notes.map(({ at, fact, id, group, attempt, pid }) => ({
      at,
      line: `${id} of ${group} attempt ${attempt} ${fact} in ${pid}`,
    })),
    ...faults
      .filter(({ from, to }) => from <= end && to + TOLD_FOR_MS >= begin)
      .map(({ from, to, told }) => ({ at: from, line: `${told} until ${clock(to)}` })),
  ];
  return lines
    .toSorted((a, b) => a.at - b.at)
    .map(({ at, line }) => `    ${clock(at)} ${line}`)
    .join('\n');
}

export const clock = (at: number): string => new Date(at).toISOString().slice(11, 23);
