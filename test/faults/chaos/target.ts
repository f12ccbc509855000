import type { Redis } from 'ioredis';
import type { Route } from './connecting.js';
import type { LinkDeed } from './links.js';
import type { Deed, DeedKind, Owner } from './nemesis.js';

/** What is done to the servers, or to the links that lead to them. */
export type ServerDeed = Extract<Deed, { kind: 'restart-redis' | 'stop-master' }> | LinkDeed;

/** The Redis that a run is held against. */
export interface Target {
  /** What can be done to it and its clients. */
  readonly kinds: readonly DeedKind[];
  /** One connection to each server, over no link that is ever broken. */
  readonly observers: readonly Redis[];
  observerOf(key: string): Redis;
  /** How a client of this owner gets there. */
  routeOf(owner: Owner): Route;
  /** Resolves when what was done is over. */
  break(deed: ServerDeed): Promise<void>;
  heal(): void;
  /** Ends the servers and copies their data. */
  keep(dir: string): Promise<void>;
  stop(): Promise<void>;
}
