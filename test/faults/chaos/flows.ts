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
  /** Slots of the lane that reads it; those that share the group's have the same number. */
  readonly slots: number;
  /** How long an entry takes from when it could be read: its place in the backlog, its retries and its handler. */
  readonly longestMs: number;
}

const SHARED_SLOTS = 32;

/** What the producer sends. Each flow has a stream of its own, so that a fault of one shows in the others. */
export const FLOWS = {
  /** Quick events; some fail once. */
  event: { stream: 'chaos.event', groups: [GROUP], slots: SHARED_SLOTS, longestMs: 500 },
  request: { stream: 'chaos.request', groups: [GROUP, AUDIT], slots: SHARED_SLOTS, longestMs: 500 },
  /** Replies of many values, endless ones among them; a run lasts as long as its caller stays. */
  streamed: { stream: 'chaos.streamed', groups: [GROUP], slots: 16, longestMs: 30_000 },
  /** Fail for as long as what they depend on is out: many wait for a retry at a time. */
  flaky: { stream: 'chaos.flaky', groups: [GROUP], slots: SHARED_SLOTS, longestMs: 4_000 },
  /** Fail for good, at once. */
  poison: { stream: 'chaos.poison', groups: [GROUP], slots: 2, longestMs: 500 },
  /** Never empty: the producer keeps it ahead of the slots. */
  backlog: { stream: 'chaos.backlog', groups: [GROUP], slots: 4, longestMs: 2_000 },
  /** One slot: what piles up in other lanes must not delay it. */
  tick: { stream: 'chaos.tick', groups: [GROUP], slots: 1, longestMs: 500 },
  /** Handlers of one to two and a half leases; the last of the group's streams. */
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
  /** Fails in its first attempt. */
  readonly stumbles?: boolean;
  /** Fails until then; milliseconds since the epoch. */
  readonly failsUntil?: number;
  /** Values of a streamed reply; 0 has no end. */
  readonly values?: number;
  readonly secret: string;
}
