import type { Connection } from '../../redis/connection.js';
import { HANDED_OVER_IDLE_MS, takeEntries } from '../../redis/scripts.js';
import { pendingEntries } from '../../redis/stream-commands.js';
import type { PendingEntry } from '../../redis/stream-commands.js';
import { Periodic } from '../../timing/periodic.js';
import type { GroupStream } from '../holding/group-stream.js';
import type { HeldEntry } from '../holding/held-entry.js';
import type { ServerEventEmitter } from '../holding/server-events.js';
import type { Lane } from '../running/lane.js';
import { mayRunBesideOthers } from '../settling/settlement.js';
import { Suspects } from './suspects.js';

const PAGE = 100;

export interface ReclaimRules {
  readonly leaseMs: number;
  readonly sweepIntervalMs: number;
}

/**
 * Claims entries that dead consumers left behind, and entries that this consumer owns without knowing. Never claims
 * what this process holds: an entry that runs here is skipped, however long it has been idle.
 *
 * Found entries go before new ones: each waits for a slot ahead of the reads, and is claimed once it has one.
 */
export class Reclaimer {
  private readonly sweeps: Periodic<GroupStream>;
  private readonly suspects: Suspects;
  private isStopped = false;

  constructor(
    private readonly laneOf: ReadonlyMap<GroupStream, Lane>,
    private readonly parts: { readonly writer: Connection; readonly events: ServerEventEmitter },
    private readonly rules: ReclaimRules,
  ) {
    this.suspects = new Suspects(
      async (groupStream, id) => (await this.take(groupStream, [id], true))[0],
      rules.leaseMs,
    );
    this.sweeps = new Periodic({
      everyMs: rules.sweepIntervalMs,
      targets: () => [...this.laneOf.keys()].filter(({ isUsable }) => isUsable),
      // A stream that cannot be swept now (no group yet, no permission) is swept again next time.
      task: (groupStream) => this.sweep(groupStream),
      isPossible: () => parts.writer.isReady,
    });
  }

  /** Sweeps at once: entries of the process that this one replaces may be waiting. */
  start(): void {
    this.sweeps.start();
    this.sweeps.turn();
  }

  /** Resolves when no claim is in progress. Clear the gates first: claims that wait for a slot wait there. */
  async stop(): Promise<void> {
    this.isStopped = true;
    await Promise.all([this.suspects.stop(), this.sweeps.stop()]);
  }

  private async sweep(groupStream: GroupStream): Promise<void> {
    const lane = this.laneOf.get(groupStream);
    let last: PendingEntry | undefined;
    while (lane && !this.isStopped) {
      const filter = { idleMs: this.rules.leaseMs };
      const page = await pendingEntries(this.parts.writer.client, groupStream, filter, last, PAGE);
      await this.claim(
        lane,
        groupStream,
        page.filter(({ id }) => !groupStream.holds(id)),
      );
      last = page.at(-1);
      if (page.length < PAGE) return;
    }
  }

  private async claim(lane: Lane, groupStream: GroupStream, found: readonly PendingEntry[]): Promise<void> {
    const { maxAttempts } = groupStream.route.settings;
    const spent: string[] = [];
    const others: string[] = [];
    for (const { id, attempt, idleMs } of found) {
      const isHandedOver = idleMs >= HANDED_OVER_IDLE_MS;
      if (attempt >= maxAttempts) spent.push(id);
      else if (isHandedOver || mayRunBesideOthers(attempt + 1, maxAttempts)) others.push(id);
      else this.suspects.offer(lane, groupStream, id);
    }
    await this.giveUp(lane, groupStream, spent);
    await this.runWithSlots(lane, groupStream, others);
  }

  /** Gives up entries that have used up their attempts. They need no slot. */
  private async giveUp(lane: Lane, groupStream: GroupStream, ids: readonly string[]): Promise<void> {
    // While dead letters cannot be stored, there is no point in taking more entries.
    const some = ids.slice(0, lane.roomOf(groupStream));
    if (some.length === 0) return;
    for (const entry of await this.take(groupStream, some, false)) lane.abandon(entry);
  }

  private async runWithSlots(lane: Lane, groupStream: GroupStream, ids: string[]): Promise<void> {
    // Entries that fail at once and cannot be stored as dead letters must not pile up; the next sweep finds the rest.
    while (ids.length > 0 && !this.isStopped && lane.roomOf(groupStream) > 0) {
      const slots = await lane.gate.claim(ids.length);
      if (slots === 0) return;
      let entries: HeldEntry[] = [];
      try {
        if (!this.isStopped) entries = await this.take(groupStream, ids.splice(0, slots), true);
      } finally {
        lane.runClaimed(entries, slots);
      }
    }
  }

  private async take(groupStream: GroupStream, ids: readonly string[], countAttempt: boolean): Promise<HeldEntry[]> {
    const { writer, events } = this.parts;
    const rule = { minIdleMs: this.rules.leaseMs, countAttempt };
    const asked = performance.now();
    const taken = await takeEntries(writer.client, groupStream, rule, ids);
    return taken.flatMap(({ id, attempt, fields, from }) => {
      if (!fields) {
        events.emit('entryLost', { stream: groupStream.stream, group: groupStream.group, id });
        return [];
      }
      // Undefined if a reconnected reader found it at the same time.
      const entry = groupStream.hold(id, attempt, fields, asked);
      if (!entry) return [];
      events.emit('reclaimed', { ...entry.placeAndAttempt, from });
      return [entry];
    });
  }
}
