import { excusedMs } from './fault-effects.js';
import { flowOf, LEASE_MS, SWEEP_MS } from './flows.js';
import type { Ledger } from './ledger.js';
import { clock } from './timeline.js';

/** On top of lease, sweep and the flow's own time: all of this may run on two cores. */
const SLACK_MS = 2_000;
/** Per slot: entries that wait for a retry, an ack or a dead letter (`MAX_WAITING_PER_SLOT`), and the one that runs. */
const HELD_PER_SLOT = 64 + 1;
/** One read may come on top of it. */
const ONE_READ = 64;
/** For this long after a worker was replaced, the entries that it handed over come on top. */
const HANDED_OVER_MS = 5_000;
const MAX_HEAP_MB = 150;
const MAX_RSS_MB = 500;
/** Lines that differ only in their numbers, printed by one process in ten seconds. */
const MAX_LINES = 100;

/** Highest age of the oldest unsettled entry of a stream, not counting time that faults explain. */
export const ageBoundOf = (stream: string): number => LEASE_MS + SWEEP_MS + (flowOf(stream)?.longestMs ?? 0) + SLACK_MS;

const heldBoundOf = (stream: string): number => (flowOf(stream)?.slots ?? 0) * HELD_PER_SLOT + ONE_READ;

/** I9, I13 and I14: entries held, memory used, lines printed, entries kept waiting. */
export function checkUse(ledger: Ledger): string[] {
  return [...checkAges(ledger), ...checkHeld(ledger), ...checkSamples(ledger)];
}

export function peaksOf({ sent, notes, sightings, hiccups }: Ledger): Record<string, number> {
  return {
    rssMb: most(notes.samples.map(({ rssMb }) => rssMb)),
    heapMb: most(notes.samples.map(({ heapMb }) => heapMb)),
    heldByOne: most(sightings.held.map(({ count }) => count)),
    sameLineIn10s: most(notes.samples.map(({ lineCount }) => lineCount)),
    sightings: sightings.samples,
    hiccups: hiccups.length,
    hiccupMs: most(hiccups.map(({ from, to }) => Math.round(to - from))),
    ...longestWaits(sent, notes.runs),
  };
}

const most = (values: readonly number[]): number => values.reduce((peak, value) => Math.max(peak, value), 0);

/** Longest time from a call to its first run, by flow. */
function longestWaits(sent: Ledger['sent'], notes: Ledger['notes']['runs']): Record<string, number> {
  const waits: Record<string, number> = {};
  for (const { fact, attempt, n, at } of notes) {
    const sending = sent.get(n);
    if (!sending || fact !== 'started' || attempt > 1) continue;
    const name = `${sending.flow}StartedAfterMs`;
    waits[name] = Math.max(waits[name] ?? 0, Math.round(at - sending.sentAt));
  }
  return waits;
}

function checkAges({ sightings, faults }: Ledger): string[] {
  return sightings.overdue.flatMap(({ stream, group, id, addedAt, seenAt, pids }) => {
    const age = seenAt - addedAt;
    const explained = excusedMs(faults, { stream, pids }, addedAt, seenAt);
    const bound = ageBoundOf(stream);
    if (age - explained <= bound) return [];
    const figures = `${Math.round(age)} ms, of which faults explain ${Math.round(explained)} ms`;
    const held = pids.length > 0 ? `held by ${pids.join()}` : 'not read by any consumer';
    return [`I14 ${stream} ${id} of ${group} starved for ${figures} (bound ${bound}), ${held}, at ${clock(seenAt)}`];
  });
}

function checkHeld({ sightings, faults }: Ledger): string[] {
  return sightings.held.flatMap(({ stream, group, consumer, count, at }) => {
    const bound = heldBoundOf(stream);
    const isHandedOver = faults.some(
      ({ kind, from, to }) => kind === 'replace' && from <= at && at < to + HANDED_OVER_MS,
    );
    if (count <= bound || isHandedOver) return [];
    return [`I13 ${consumer} of ${group} holds ${count} entries of ${stream} at ${clock(at)} (bound ${bound})`];
  });
}

function checkSamples({ notes }: Ledger): string[] {
  const told = new Set<string>();
  return notes.samples.flatMap(({ pid, at, rssMb, heapMb, line, lineCount }) => {
    const found: [what: string, text: string][] = [];
    if (heapMb > MAX_HEAP_MB) found.push([`heap ${pid}`, `I13 ${pid} has a heap of ${heapMb} MB`]);
    if (rssMb > MAX_RSS_MB) found.push([`rss ${pid}`, `I13 ${pid} has an RSS of ${rssMb} MB`]);
    if (lineCount > MAX_LINES) found.push([`lines ${pid}`, `I9 ${pid} printed ${lineCount} times: ${line}`]);
    return found.flatMap(([what, text]) => {
      if (told.has(what)) return [];
      told.add(what);
      return [`${text} at ${clock(at)}`];
    });
  });
}
