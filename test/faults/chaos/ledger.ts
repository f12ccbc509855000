import type { FlowName } from './flows.js';
import type { InjectionKind } from './injection-plan.js';
import type { Notes } from './notes.js';

/** How the caller of a streamed reply stopped waiting before the reply ended. */
export type Leaving = 'unsubscribed' | 'closed' | 'cut off';

/** What the producer knows about a message. */
export interface Sending {
  readonly flow: FlowName;
  /** Milliseconds since the epoch. */
  readonly sentAt: number;
  readonly outcome: 'ok' | 'unknown' | 'failed';
  readonly code?: string;
  /** The longest wait for the outcome, or for the next value of a streamed reply. */
  readonly tookMs: number;
  /** What the caller got instead of the answer of its one request handler. */
  readonly wrongAnswer?: string;
  readonly firstValueAt?: number;
  /** When the caller stopped waiting for the reply. */
  readonly leftAt?: number;
  readonly leaving?: Leaving | 'failed';
}

/** The injections, and the hiccups of the machine. */
export type FaultKind = InjectionKind | 'hiccup';

/** What happened, and when: milliseconds since the epoch. */
export interface Fault {
  readonly kind: FaultKind;
  /** Full description, with the processes that it hit. */
  readonly told: string;
  readonly from: number;
  readonly to: number;
  /** The processes that it hit. A fault with neither processes nor streams hits everything. */
  readonly pids?: readonly number[];
  readonly streams?: readonly string[];
  /** The role of the one connection that it hit. */
  readonly role?: string;
}

/** An entry that stayed unsettled for longer than its flow allows, as seen in Redis during the run. */
export interface OverdueEntry {
  readonly stream: string;
  readonly group: string;
  readonly id: string;
  /** Milliseconds since the epoch; Redis and this process share a clock. */
  readonly addedAt: number;
  readonly seenAt: number;
  /** The processes that have held it. */
  readonly pids: readonly number[];
}

/** The most entries of a stream that one consumer held. */
export interface HeldPeak {
  readonly stream: string;
  readonly group: string;
  readonly consumer: string;
  readonly count: number;
  readonly at: number;
}

/** What was seen in Redis during the run. */
export interface Sightings {
  readonly overdue: readonly OverdueEntry[];
  readonly held: readonly HeldPeak[];
  readonly samples: number;
}

export interface Ledger {
  readonly sent: ReadonlyMap<number, Sending>;
  readonly notes: Notes;
  /** Message numbers of the dead letters, one for each letter. */
  readonly dead: readonly number[];
  /** What was injected. */
  readonly faults: readonly Fault[];
  /** When a server took too long to answer, whatever the reason. */
  readonly hiccups: readonly Fault[];
  /** When processes ended, by pid; milliseconds since the epoch. */
  readonly deaths: ReadonlyMap<number, number>;
  readonly sightings: Sightings;
  readonly leftPending: number;
  readonly leftEntries: Readonly<Record<string, number>>;
  readonly leftReplyKeys: number;
  readonly printed: string;
  readonly secret: string;
  readonly producerPid: number;
}

export interface Verdict {
  readonly counts: Readonly<Record<string, number>>;
  /** Number of entries that were handled more than once, by the last fault that may have caused it. */
  readonly doubles: Readonly<Record<string, number>>;
  /** Number of injections, by kind. */
  readonly faults: Readonly<Record<string, number>>;
  /** Highest values of what is bounded, to compare with the documented bounds. */
  readonly peaks: Readonly<Record<string, number>>;
  /** Each starts with its invariant (docs/faults.md); most contain the timeline of their message. */
  readonly violations: readonly string[];
}
