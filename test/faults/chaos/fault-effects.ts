import { LEASE_MS, SWEEP_MS } from './flows.js';
import type { Fault, FaultKind } from './ledger.js';

/** A connection is back within this time: the longest pause between two attempts, with jitter, and the reconnect. */
const RECONNECT_MS = 2_000;
/** Within this time another worker takes over and settles what a worker held. */
const TAKE_OVER_MS = LEASE_MS + SWEEP_MS + 500;
/** Workers try an unusable stream again every five seconds. */
const UNUSABLE_MS = 5_000;

/** How long after its end a fault still explains a delay. */
const LATE_MS: Readonly<Record<FaultKind, number>> = {
  kill: TAKE_OVER_MS,
  replace: TAKE_OVER_MS,
  freeze: TAKE_OVER_MS,
  'restart-redis': RECONNECT_MS + TAKE_OVER_MS,
  'kill-clients': RECONNECT_MS,
  'flush-scripts': 0,
  'flush-all': RECONNECT_MS,
  reset: RECONNECT_MS + TAKE_OVER_MS,
  blackhole: RECONNECT_MS + TAKE_OVER_MS,
  swallow: RECONNECT_MS + TAKE_OVER_MS,
  stall: TAKE_OVER_MS,
  retype: UNUSABLE_MS + TAKE_OVER_MS,
  'block-dead-letters': 3_000,
  outage: 4_000,
  'step-clock': 0,
  'stop-master': UNUSABLE_MS + RECONNECT_MS,
  hiccup: TAKE_OVER_MS,
};

/** How long after its end a fault may still cause a second run. */
const DOUBLES_MS = 6_000;

/** Faults that can keep a live process from renewing its leases. A stalled reader does not. */
const LEASE_BREAKERS: ReadonlySet<FaultKind> = new Set<FaultKind>([
  'freeze',
  'restart-redis',
  'kill-clients',
  'reset',
  'blackhole',
  'swallow',
  'stall',
  'retype',
  'stop-master',
  'hiccup',
]);

/** The processes and the stream that a fault may have hit. */
export interface Affected {
  readonly pids: readonly number[];
  readonly stream: string;
}

function concerns({ pids, streams }: Fault, affected: Affected): boolean {
  if (streams?.includes(affected.stream)) return true;
  if (pids?.some((pid) => affected.pids.includes(pid))) return true;
  return pids === undefined && streams === undefined;
}

/** Faults of these processes or this stream that explain a delay within a time span. */
export function excusesIn(faults: readonly Fault[], affected: Affected, from: number, to: number): Fault[] {
  return faults.filter((fault) => fault.from < to && lateUntil(fault) > from && concerns(fault, affected));
}

/** How many milliseconds of a time span faults explain. */
export function excusedMs(faults: readonly Fault[], affected: Affected, from: number, to: number): number {
  const windows = excusesIn(faults, affected, from, to)
    .map((fault) => ({ begin: Math.max(from, fault.from), end: Math.min(to, lateUntil(fault)) }))
    .toSorted((a, b) => a.begin - b.begin);
  let total = 0;
  let counted = from;
  for (const { begin, end } of windows) {
    total += Math.max(0, end - Math.max(begin, counted));
    counted = Math.max(counted, end);
  }
  return total;
}

/** The last fault that may have made an entry run again, preferably one that hit its stream or its worker. */
export function causeOfDouble(faults: readonly Fault[], affected: Affected, at: number): Fault | undefined {
  const recent = faults.filter(({ from, to }) => from < at && at < to + DOUBLES_MS);
  return recent.findLast((fault) => LATE_MS[fault.kind] > 0 && concerns(fault, affected)) ?? recent.at(-1);
}

/** Two runs of one entry, where the earlier run or its process still held the entry. */
export interface Repeat {
  readonly stream: string;
  readonly earlier: { readonly pid: number; readonly startedAt: number };
  readonly later: { readonly pid: number; readonly startedAt: number };
}

/** Highest age of a lease at its renewal: renewals run every third of a lease, for what is older than a quarter. */
const UNRENEWED_MS = LEASE_MS * 0.6;
/** Slack for an entry that waited for a slot before it ran, and for imprecise clocks and timers. */
const QUEUED_MS = 250;

/** Whether a fault can have ended the earlier run's lease, or kept the later one from noticing the end of its own. */
export function leaseMayHaveEnded(faults: readonly Fault[], { stream, earlier, later }: Repeat): boolean {
  return faults.some((fault) => {
    const isRecent = fault.from < later.startedAt && later.startedAt < lateUntil(fault);
    if (!isRecent || !breaksLeases(fault)) return false;
    const isRenewed = earlier.startedAt + UNRENEWED_MS <= fault.from;
    const lasted = (isRenewed ? fault.from - UNRENEWED_MS : takenAt(faults, stream, earlier)) + LEASE_MS;
    if (later.startedAt >= lasted && concerns(fault, { pids: [earlier.pid], stream })) return true;
    return fault.to - fault.from >= LEASE_MS - UNRENEWED_MS && fault.pids?.includes(later.pid) === true;
  });
}

/** The earliest time when a worker can have got the entry of a run: a stall of its link delays an entry on its way. */
function takenAt(faults: readonly Fault[], stream: string, { pid, startedAt }: Repeat['earlier']): number {
  let taken = startedAt - QUEUED_MS;
  for (const fault of faults.toReversed()) {
    const isOnTheWay = fault.from < taken && fault.to + QUEUED_MS >= taken;
    if (isOnTheWay && concerns(fault, { pids: [pid], stream })) taken = fault.from;
  }
  return taken;
}

const breaksLeases = ({ kind, role }: Fault): boolean =>
  LEASE_BREAKERS.has(kind) && (kind !== 'stall' || role === 'writer');

const lateUntil = ({ kind, to }: Fault): number => to + LATE_MS[kind];
