import type { FlowName } from './flows.js';
import type { DeedKind } from './nemesis.js';
import type { Notes } from './notes.js';

/** How the caller of a streamed reply stopped waiting, where it was not the reply that ended. */
export type Leaving = 'unsubscribed' | 'closed' | 'cut off';

/** What the producer knows of a message. */
export interface Sending {
  readonly flow: FlowName;
  /** Milliseconds since the epoch. */
  readonly sentAt: number;
  readonly outcome: 'ok' | 'unknown' | 'failed';
  readonly code?: string;
  /** The longest wait for something to happen: the outcome, or the next value of a streamed reply. */
  readonly tookMs: number;
  /** What the caller got in place of the answer of its one request handler. */
  readonly wrongAnswer?: string;
  readonly firstValueAt?: number;
  /** When the caller stopped waiting for the reply. */
  readonly leftAt?: number;
  readonly leaving?: Leaving | 'failed';
}

/** The deeds of the nemesis, and the hiccups of the machine. */
export type FaultKind = DeedKind | 'hiccup';

/** What happened, and when: milliseconds since the epoch. */
export interface Fault {
  readonly kind: FaultKind;
  /** In full, and with whom it hit. */
  readonly told: string;
  readonly from: number;
  readonly to: number;
  /** The processes that it hit. A fault with neither processes nor streams hits all of them. */
  readonly pids?: readonly number[];
  readonly streams?: readonly string[];
  /** The one connection that it hit. */
  readonly role?: string;
}

/** An entry that was not settled for longer than its flow allows, as Redis had it while the run went on. */
export interface OverdueEntry {
  readonly stream: string;
  readonly group: string;
  readonly id: string;
  /** Milliseconds since the epoch; Redis and this process share a clock. */
  readonly addedAt: number;
  readonly seenAt: number;
  /** The processes that held it on the way. */
  readonly pids: readonly number[];
}

/** The most that one consumer held of a stream. */
export interface HeldPeak {
  readonly stream: string;
  readonly group: string;
  readonly consumer: string;
  readonly count: number;
  readonly at: number;
}

/** What was seen in Redis while the run went on. */
export interface Sightings {
  readonly overdue: readonly OverdueEntry[];
  readonly held: readonly HeldPeak[];
  readonly samples: number;
}

export interface Ledger {
  readonly sent: ReadonlyMap<number, Sending>;
  readonly notes: Notes;
  /** Payload numbers of dead letters; twice, where there are two. */
  readonly dead: readonly number[];
  /** What the nemesis did. */
  readonly faults: readonly Fault[];
  /** When a server did not answer any client, whatever the reason. */
  readonly hiccups: readonly Fault[];
  /** When processes ended; milliseconds since the epoch. */
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
  /** How many entries were handled more than once, by the last fault before the second run. */
  readonly doubles: Readonly<Record<string, number>>;
  /** How often the nemesis did what. */
  readonly faults: Readonly<Record<string, number>>;
  /** The largest of what is bounded, for the bounds of the documents. */
  readonly peaks: Readonly<Record<string, number>>;
  /** By invariant (docs/faults.md), each with the story of its message. */
  readonly violations: readonly string[];
}
