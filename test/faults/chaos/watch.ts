import type { Redis } from 'ioredis';
import { setTimeout as pause } from 'node:timers/promises';
import { FLOWS } from './flows.js';
import type { Flow } from './flows.js';
import { ageBoundOf } from './judge-use.js';
import type { HeldPeak, OverdueEntry, Sightings } from './ledger.js';
import { monotonicNow } from './notes.js';
import type { Target } from './target.js';

const EVERY_MS = 250;

interface Oldest {
  readonly id: string;
  readonly pid: number | undefined;
}

/** Looks at Redis while the run goes on: what waits for how long, and who holds how much. */
export class Watch {
  private readonly overdue = new Map<string, OverdueEntry>();
  private readonly held = new Map<string, HeldPeak>();
  /** Who held the oldest entry of a stream so far. */
  private readonly holders = new Map<string, { readonly id: string; readonly pids: Set<number> }>();
  private samples = 0;
  private isOver = false;
  private loops: readonly Promise<void>[] = [];

  constructor(
    private readonly target: Target,
    private readonly withAudit: boolean,
  ) {}

  /** Each stream is looked at on its own: one whose server stands still hides none of the others. */
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
      // What it cannot answer now it does not have to be asked.
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
    const pending = summary[1] === null ? undefined : await pendingEntry(redis, stream, group, summary[1]);
    const [unread] = await redis.xrange(stream, `(${delivered}`, '+', 'COUNT', 1);
    const oldest = pending ?? (unread && { id: unread[0], pid: undefined });
    if (oldest) this.keepAge(stream, group, oldest);
  }

  private keepPeak(seen: Omit<HeldPeak, 'at'>): void {
    const key = `${seen.stream} ${seen.group} ${seen.consumer}`;
    if (seen.count > (this.held.get(key)?.count ?? 0)) this.held.set(key, { ...seen, at: monotonicNow() });
  }

  private keepAge(stream: string, group: string, { id, pid }: Oldest): void {
    const place = `${stream} ${group}`;
    let holders = this.holders.get(place);
    if (holders?.id !== id) this.holders.set(place, (holders = { id, pids: new Set() }));
    if (pid !== undefined) holders.pids.add(pid);
    const [addedAt, seenAt] = [Number(id.split('-')[0]), monotonicNow()];
    if (seenAt - addedAt <= ageBoundOf(stream)) return;
    this.overdue.set(`${place} ${id}`, { stream, group, id, addedAt, seenAt, pids: [...holders.pids] });
  }
}

/** Where it was deleted, nobody has anything to do with it but to forget it. */
async function pendingEntry(redis: Redis, stream: string, group: string, id: string): Promise<Oldest | undefined> {
  const [found] = (await redis.xpending(stream, group, id, id, 1)) as [string, string, number, number][];
  return found && { id, pid: pidOf(found[1]) };
}

/** Consumers are named `host-pid-random`. */
export const pidOf = (consumer: string): number => Number(consumer.split('-').at(-2));
