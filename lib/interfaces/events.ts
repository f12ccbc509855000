import type { ConnectionRole } from './connection.js';

/** Location of an entry: the three names that identify it in Redis. */
export interface EntryPlace {
  readonly stream: string;
  readonly group: string;
  readonly id: string;
}

export interface EntryAttempt extends EntryPlace {
  /** Number of runs so far, as counted by Redis. */
  readonly attempt: number;
}

/** Events of a server, in addition to those of its connections. */
export interface ServerEvents {
  /** This consumer took over an entry whose lease had ended or that was handed back. `from` owned it before. */
  reclaimed: EntryAttempt & { readonly from: string };
  /** A failed entry waits for its next attempt. */
  retried: EntryAttempt & { readonly delayMs: number };
  /** An entry was stored as a dead letter and acked. */
  deadLettered: EntryAttempt & {
    readonly deadLetterStream: string;
    /** Id of the dead letter in that stream; undefined if the answer of Redis was lost. */
    readonly letterId: string | undefined;
    /** `failed`, `unrecoverable`, `rejected`, `undecodable` or `abandoned`. */
    readonly reason: string;
    /** Text of the error; without the error interceptor, what Nest's exception filter left of a handler's error. */
    readonly error: string;
    readonly failedAt: Date;
  };
  /** An entry was deleted, trimmed or lost with its group before it was settled. It is no longer pending. */
  entryLost: EntryPlace;
  /** A group was missing (FLUSHALL, DEL, XGROUP DESTROY) and was created again at the start of its stream. */
  groupRecreated: { readonly stream: string; readonly group: string };
  /**
   * No consumer seems to read a group that keeps entries of a stream from being trimmed. Emitted once per group, when
   * it holds back more than ten times `retention.maxLength` or when its `groupTtl` is over.
   */
  groupAbandoned: { readonly stream: string; readonly group: string; readonly lag: number };
  /** A request was older than its caller's timeout and was not run. */
  requestExpired: EntryPlace;
  /** Another consumer took an entry that this process still held; its run ends. */
  leaseLost: EntryPlace;
  /** A reply could not be stored: its caller is gone, or Redis refused the reply. `id` is the id of the request. */
  replyDropped: { readonly stream: string; readonly id: string; readonly reason: string };
  /** Redis refused to serve a stream (no permission, wrong type). The server tries it again within 5 s. */
  streamUnusable: { readonly stream: string; readonly group: string; readonly reason: string };
}

type EventListeners = { [Name in keyof ServerEvents]: (event: ServerEvents[Name]) => void };

/** Events of the ioredis connections; the first argument is the role of the connection. */
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
