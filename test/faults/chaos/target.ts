import type { Redis } from 'ioredis';
import type { Route } from './connecting.js';
import type { LinkInjection } from './links.js';
import type { Injection, InjectionKind, Owner } from './injection-plan.js';

/** Injections that hit the servers or the links to them. */
export type ServerInjection = Extract<Injection, { kind: 'restart-redis' | 'stop-master' }> | LinkInjection;

/** The Redis that a run breaks. */
export interface Target {
  /** Injections that it supports. */
  readonly kinds: readonly InjectionKind[];
  /** One connection to each server, over links that are never broken. */
  readonly observers: readonly Redis[];
  observerOf(key: string): Redis;
  /** How a client of this owner connects. */
  routeOf(owner: Owner): Route;
  /** Resolves when the injection is over. */
  break(injection: ServerInjection): Promise<void>;
  heal(): void;
  /** Stops the servers and copies their data, if the target has any to keep. */
  keep(dir: string): Promise<void>;
  stop(): Promise<void>;
}
