import type { Redis } from 'ioredis';
import { setTimeout as pause } from 'node:timers/promises';
import { FLOWS } from './flows.js';
import type { Flow } from './flows.js';
import { ageBoundOf } from './check-use.js';
import type { HeldPeak, OverdueEntry, Sightings } from './ledger.js';
import { monotonicNow } from './notes.js';
import type { Target } from './target.js';

const EVERY_MS = 250;
const PAGE = 100;

/** Samples Redis during the run: how long entries wait, and how many each consumer holds. */
export class Watch {
  private readonly overdue = new Map<string, OverdueEntry>();
  private readonly held = new Map<string, HeldPeak>();
  /** Pids that have held the oldest pending entries of a group, by entry id. */
  private readonly holders = new Map<string, Map<string, Set<number>>>();
  private samples = 0;
  private isOver = false;
  private loops: readonly Promise<void>[] = [];

  constructor(
    private readonly target: Target,
    private readonly withAudit: boolean,
  ) {}

  /** Samples each stream on its own: a hung server hides only its own streams. */
  start(): void {
    this.loops = Object.values(FLOWS).map((flow) => this.lookAt(flow));
  }

  async stop(): Promise<Sightings> {
    this.isOver = true;
    await Promise.all(this.loops);
    return { overdue: [...this.overdue.values()], held: [...this.held.values()], samples: this.samples };
  }

  private async lookAt({ stream, groups }: Flow): Promise<void> {
    const present = this.withAudit ? groups : groups.slice(0, 1);
    const redis = this.target.observerOf(stream);
    while (!this.isOver) {
      await pause(EVERY_MS);
      // Without a connection commands would only queue up.
      if (redis.status !== 'ready') continue;
      await Promise.all(present.map((group) => this.look(redis, stream, group).catch(() => undefined)));
    }
  }

  private async look(redis: Redis, stream: string, group: string): Promise<void> {
    const [summary, rows] = await Promise.all([
      redis.xpending(stream, group) as Promise<[number, string | null, string | null, [string, string][] | null]>,
      redis.call('XINFO', 'GROUPS', stream) as Promise<unknown[][]>,
    ]);
    this.samples++;
    for (const [consumer, count] of summary[3] ?? []) this.keepPeak({ stream, group, consumer, count: Number(count) });
    const row = rows.find((words) => words[1] === group) ?? [];
    const delivered = String(row[row.indexOf('last-delivered-id') + 1]);
    const holders = await this.holdersIn(redis, stream, group);
    const [unread] = await redis.xrange(stream, `(${delivered}`, '+', 'COUNT', 1);
    const oldest = [...holders.keys()][0] ?? unread?.[0];
    if (oldest !== undefined) this.keepAge(stream, group, oldest, [...(holders.get(oldest) ?? [])]);
  }

  /** The oldest pending entries, with the pids that have held them. */
  private async holdersIn(redis: Redis, stream: string, group: string): Promise<Map<string, Set<number>>> {
    const rows = (await redis.xpending(stream, group, '-', '+', PAGE)) as [string, string, number, number][];
    const place = `${stream} ${group}`;
    const before = this.holders.get(place);
    const now = new Map(rows.map(([id, consumer]) => [id, (before?.get(id) ?? new Set()).add(pidOf(consumer))]));
    this.holders.set(place, now);
    return now;
  }

  private keepPeak(seen: Omit<HeldPeak, 'at'>): void {
    const key = `${seen.stream} ${seen.group} ${seen.consumer}`;
    if (seen.count > (this.held.get(key)?.count ?? 0)) this.held.set(key, { ...seen, at: monotonicNow() });
  }

  private keepAge(stream: string, group: string, id: string, pids: readonly number[]): void {
    const [addedAt, seenAt] = [Number(id.split('-')[0]), monotonicNow()];
    if (seenAt - addedAt <= ageBoundOf(stream)) return;
    this.overdue.set(`${stream} ${group} ${id}`, { stream, group, id, addedAt, seenAt, pids });
  }
}

/** Consumers are named `host-pid-random`. */
export const pidOf = (consumer: string): number => Number(consumer.split('-').at(-2));
