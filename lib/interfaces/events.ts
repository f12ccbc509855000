import type { ConnectionRole } from './connection.js';

/** Where an entry is: the three names that find it again in Redis. */
export interface EntryPlace {
  readonly stream: string;
  readonly group: string;
  readonly id: string;
}

export interface EntryAttempt extends EntryPlace {
  /** Runs so far, as Redis counts them. */
  readonly attempt: number;
}

/** What a server tells of itself beyond the connection's events; all in the past tense. */
export interface ServerEvents {
  /** This consumer took an entry over from one that is gone. */
  reclaimed: EntryAttempt & { readonly from: string };
  /** A failed entry waits for its next attempt. */
  retried: EntryAttempt & { readonly delayMs: number };
  /** An entry was stored as a dead letter and acked. */
  deadLettered: EntryAttempt & {
    readonly deadLetterStream: string;
    /** Id of the letter in that stream; absent where the answer of Redis was lost. */
    readonly letterId: string | undefined;
    /** `failed`, `unrecoverable`, `rejected`, `undecodable` or `abandoned`. */
    readonly reason: string;
    /** What the handler threw, as text; without the error interceptor what Nest's exception filter left of it. */
    readonly error: string;
    readonly failedAt: Date;
  };
  /** An entry was deleted or trimmed from outside before it was settled; it was acked. */
  entryLost: EntryPlace;
  /** A group was gone (FLUSHALL, DEL, XGROUP DESTROY) and was created again from the start. */
  groupRecreated: { readonly stream: string; readonly group: string };
  /**
   * No consumer seems to read a group that keeps entries of a stream from being trimmed: told once for each group when it
   * holds back more than ten times `retention.maxLength`, or when its `groupTtl` is over.
   */
  groupAbandoned: { readonly stream: string; readonly group: string; readonly lag: number };
  /** A request was older than its caller's patience and was not run. */
  requestExpired: EntryPlace;
  /** Another consumer took an entry whose handler still runs here. */
  leaseLost: EntryPlace;
  /** A reply could not be stored: its caller is gone, or Redis refused it. */
  replyDropped: { readonly stream: string; readonly id: string; readonly reason: string };
  /** Redis refused to serve a stream (no permission, wrong type); it is tried again slowly. */
  streamUnusable: { readonly stream: string; readonly group: string; readonly reason: string };
}

type EventListeners = { [Name in keyof ServerEvents]: (event: ServerEvents[Name]) => void };

/** Events of the ioredis connections; the first argument says which one it is. */
export type ConnectionListeners = {
  connect: (role: ConnectionRole) => void;
  ready: (role: ConnectionRole) => void;
  error: (role: ConnectionRole, error: Error) => void;
  close: (role: ConnectionRole) => void;
  reconnecting: (role: ConnectionRole) => void;
  end: (role: ConnectionRole) => void;
};

export type ServerListeners = ConnectionListeners & EventListeners;

export type TransportStatus = 'connected' | 'reconnecting' | 'disconnected';
