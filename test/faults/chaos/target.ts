import type { Redis } from 'ioredis';
import type { Route } from './connecting.js';
import type { LinkDeed } from './links.js';
import type { Deed, DeedKind, Owner } from './nemesis.js';

/** Deeds that hit the servers or the links to them. */
export type ServerDeed = Extract<Deed, { kind: 'restart-redis' | 'stop-master' }> | LinkDeed;

/** The Redis that a run breaks. */
export interface Target {
  /** Deeds that it supports. */
  readonly kinds: readonly DeedKind[];
  /** One connection to each server, over links that are never broken. */
  readonly observers: readonly Redis[];
  observerOf(key: string): Redis;
  /** How a client of this owner connects. */
  routeOf(owner: Owner): Route;
  /** Resolves when the deed is over. */
  break(deed: ServerDeed): Promise<void>;
  heal(): void;
  /** Stops the servers and copies their data, if the target has any to keep. */
  keep(dir: string): Promise<void>;
  stop(): Promise<void>;
}
