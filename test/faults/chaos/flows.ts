/** Group of the workers' handlers. `AUDIT` is a second group on the request stream, with an event handler only. */
export const GROUP = 'workers';
export const AUDIT = 'audit';

export const LEASE_MS = 1_000;
export const SWEEP_MS = 200;
export const PUBLISH_TIMEOUT_MS = 2_000;
export const REQUEST_TIMEOUT_MS = 5_000;

export interface Flow {
  readonly stream: string;
  readonly groups: readonly string[];
  /** Slots of its lane; flows that share the slots of the group have the same number. */
  readonly slots: number;
  /** Longest time that the queue before an entry, its retries and its handler take together. */
  readonly longestMs: number;
}

const SHARED_SLOTS = 32;

/** What the producer sends. Each flow has its own stream, so that what a fault does to one shows in the others. */
export const FLOWS = {
  /** Quick events; some fail once. */
  event: { stream: 'chaos.event', groups: [GROUP], slots: SHARED_SLOTS, longestMs: 500 },
  request: { stream: 'chaos.request', groups: [GROUP, AUDIT], slots: SHARED_SLOTS, longestMs: 500 },
  /** Replies with many values, some of them endless; a run lasts as long as its caller stays. */
  streamed: { stream: 'chaos.streamed', groups: [GROUP], slots: 16, longestMs: 30_000 },
  /** Events that fail for as long as an outage lasts: many wait for a retry at the same time. */
  flaky: { stream: 'chaos.flaky', groups: [GROUP], slots: SHARED_SLOTS, longestMs: 4_000 },
  /** Events that fail for good, at the first attempt. */
  poison: { stream: 'chaos.poison', groups: [GROUP], slots: 2, longestMs: 500 },
  /** Never empty: the producer keeps more entries in it than there are slots. */
  backlog: { stream: 'chaos.backlog', groups: [GROUP], slots: 4, longestMs: 2_000 },
  /** One slot: what piles up in other lanes must not delay it. */
  tick: { stream: 'chaos.tick', groups: [GROUP], slots: 1, longestMs: 500 },
  /** Handlers that take 1 to 2.5 leases; the last of the group's streams. */
  long: { stream: 'chaos.long', groups: [GROUP], slots: SHARED_SLOTS, longestMs: 3_000 },
} as const satisfies Record<string, Flow>;

export type FlowName = keyof typeof FLOWS;

export const FLOW_NAMES = Object.keys(FLOWS) as FlowName[];
export const STREAMS: readonly string[] = Object.values(FLOWS).map(({ stream }) => stream);

export const flowOf = (stream: string): Flow | undefined => Object.values(FLOWS).find((flow) => flow.stream === stream);

export const deadLettersOf = (stream: string): string => `{${stream}}:dead`;

/** The payload of every message. */
export interface ChaosTask {
  readonly n: number;
  readonly holdMs: number;
  /** Fails at its first attempt. */
  readonly stumbles?: boolean;
  /** Fails until this time; milliseconds since the epoch. */
  readonly failsUntil?: number;
  /** Number of values of a streamed reply; 0 for an endless one. */
  readonly values?: number;
  readonly secret: string;
}
