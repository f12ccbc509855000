import type { Connection } from '../../redis/connection.js';
import { takeEntries } from '../../redis/scripts.js';
import type { TakeRule } from '../../redis/scripts.js';
import { nextId, pendingEntries } from '../../redis/stream-commands.js';
import type { PendingEntry } from '../../redis/stream-commands.js';
import type { Dispatcher } from '../running/dispatcher.js';
import type { ServerEventEmitter } from '../holding/server-events.js';
import { HeldEntry } from '../holding/group-stream.js';
import type { GroupStream } from '../holding/group-stream.js';
import type { Lane } from '../running/lane.js';
import { mayRunBesideOthers } from '../settling/settlement.js';

const PAGE = 100;
/** Pause before the next look, where a sweep left entries for want of slots: their handlers need some time, too. */
const HURRY_MS = 100;

export interface ReclaimerParts {
  readonly writer: Connection;
  readonly dispatcher: Dispatcher;
  readonly events: ServerEventEmitter;
}

/**
 * Claims what dead consumers left behind, and what this consumer owns without knowing. Never what this process holds:
 * an entry that runs here is skipped however old it is.
 */
export class Reclaimer {
  private timer: NodeJS.Timeout | undefined;
  private hurry: NodeJS.Timeout | undefined;
  private sweeping: Promise<void> | undefined;
  private isStopped = false;
  /** Runs of entries that may only run alone; one at a time in this process. */
  private suspect: Promise<void> | undefined;

  constructor(
    private readonly lanes: readonly Lane[],
    private readonly parts: ReclaimerParts,
    private readonly leaseMs: number,
  ) {}

  /** Looks at once: the work of the process that this one replaces may be waiting. */
  start(intervalMs: number): void {
    this.timer = setInterval(() => void this.sweep(), intervalMs).unref();
    void this.sweep();
  }

  /** Resolves when nothing is being claimed any more. */
  async stop(): Promise<void> {
    this.isStopped = true;
    clearInterval(this.timer);
    clearTimeout(this.hurry);
    await this.sweeping;
  }

  /** @param isHurried only as far as there are slots; entries that need none can wait for the next whole sweep */
  private sweep(isHurried = false): Promise<void> {
    if (this.isStopped || !this.parts.writer.isReady) return Promise.resolve();
    return (this.sweeping ??= this.sweepAll(isHurried).finally(() => (this.sweeping = undefined)));
  }

  private async sweepAll(isHurried: boolean): Promise<void> {
    for (const lane of this.lanes) {
      let isComplete = true;
      for (const groupStream of lane.streams) {
        // A stream that cannot be swept now (no group yet, no permission) must not keep the others from it.
        if (groupStream.isUsable)
          isComplete = (await this.sweepStream(lane, groupStream, isHurried).catch(() => true)) && isComplete;
      }
      if (!isComplete) void lane.gate.available().then(() => this.sweepSoon());
    }
  }

  private sweepSoon(): void {
    if (this.isStopped) return;
    this.hurry ??= setTimeout(() => {
      this.hurry = undefined;
      void this.sweep(true);
    }, HURRY_MS).unref();
  }

  /** @returns whether there was a slot for all that was found */
  private async sweepStream(lane: Lane, groupStream: GroupStream, isHurried: boolean): Promise<boolean> {
    let cursor = '-';
    let isComplete = true;
    while (!this.isStopped && (isComplete || !isHurried)) {
      const page = await pendingEntries(this.parts.writer.client, groupStream, { idleMs: this.leaseMs }, cursor, PAGE);
      const lost = page.filter(({ id }) => !groupStream.held.has(id));
      isComplete = (await this.claim(lane, groupStream, lost)) && isComplete;
      const last = page.at(-1);
      if (!last || page.length < PAGE) break;
      cursor = nextId(last.id);
    }
    return isComplete;
  }

  private async claim(lane: Lane, groupStream: GroupStream, found: readonly PendingEntry[]): Promise<boolean> {
    const { maxAttempts } = groupStream.route.settings;
    const spent = found.filter(({ attempt }) => attempt >= maxAttempts);
    const suspects = found.filter(
      ({ attempt }) => attempt < maxAttempts && !mayRunBesideOthers(attempt + 1, maxAttempts),
    );
    const others = found.filter(({ attempt }) => mayRunBesideOthers(attempt + 1, maxAttempts));
    for (const entry of await this.take(groupStream, spent, false)) this.parts.dispatcher.abandon(entry);
    const { free } = lane.gate;
    for (const entry of await this.take(groupStream, others.slice(0, free), true)) lane.run(entry);
    if (suspects.length > 0) this.runAlone(lane, groupStream, suspects);
    return others.length <= free;
  }

  /**
   * One after the other, each claimed only when the one before is settled in Redis, so that a crash counts for none but
   * the one that ran.
   */
  private runAlone(lane: Lane, groupStream: GroupStream, suspects: readonly PendingEntry[]): void {
    this.suspect ??= (async (): Promise<void> => {
      for (const suspect of suspects) {
        if (this.isStopped) return;
        const [entry] = await this.take(groupStream, [suspect], true);
        if (entry) await runToTheEnd(lane, entry);
      }
    })()
      .catch(() => undefined)
      .finally(() => {
        this.suspect = undefined;
        this.sweepSoon();
      });
  }

  private async take(
    groupStream: GroupStream,
    found: readonly PendingEntry[],
    countAttempt: boolean,
  ): Promise<HeldEntry[]> {
    if (found.length === 0) return [];
    const rule: TakeRule = { minIdleMs: this.leaseMs, countAttempt };
    const taken = await takeEntries(
      this.parts.writer.client,
      groupStream,
      rule,
      found.map(({ id }) => id),
    );
    return taken.flatMap(({ id, attempt, fields, from }) => {
      // A reader that came back has found it at the same time.
      if (groupStream.held.has(id)) return [];
      const entry = new HeldEntry(groupStream, id, attempt, fields);
      if (!fields) {
        this.parts.events.emit('entryLost', entry.place);
        return [];
      }
      groupStream.held.set(id, entry);
      this.parts.events.emit('reclaimed', { ...entry.placeAndAttempt, from });
      return [entry];
    });
  }
}

/** Resolves when the run is over, and its result in Redis if it has one. */
function runToTheEnd(lane: Lane, entry: HeldEntry): Promise<void> {
  return new Promise((resolve) => {
    entry.released = resolve;
    lane.run(entry, () => {
      if (entry.phase !== 'settling') resolve();
    });
  });
}
