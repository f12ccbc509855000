import type { Redis } from 'ioredis';
import { setTimeout as pause } from 'node:timers/promises';
import { STREAMS } from './flows.js';
import type { Fault } from './ledger.js';
import { monotonicNow } from './notes.js';
import type { Target } from './target.js';

const EVERY_MS = 50;
/** Leases have no slack for a server that takes longer than this to answer. */
const HICCUP_MS = 200;

/**
 * Pings each server, and records slow answers. A slow disk or a busy machine is a fault like the others, but not part
 * of the plan.
 */
export class ServerProbe {
  readonly hiccups: Fault[] = [];
  private isOver = false;
  private loops: readonly Promise<void>[] = [];

  constructor(private readonly target: Target) {}

  start(): void {
    this.loops = this.target.observers.map((redis) => this.feel(redis));
  }

  async stop(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.loops);
  }

  private async feel(redis: Redis): Promise<void> {
    const isOneOfMany = this.target.observers.length > 1;
    const streams = STREAMS.filter((stream) => this.target.observerOf(stream) === redis);
    while (!this.isOver) {
      const from = monotonicNow();
      await redis.ping().catch(() => undefined);
      const to = monotonicNow();
      const told = `the server took ${Math.round(to - from)} ms to answer`;
      if (to - from > HICCUP_MS) this.hiccups.push({ kind: 'hiccup', told, from, to, ...(isOneOfMany && { streams }) });
      await pause(EVERY_MS);
    }
  }
}
