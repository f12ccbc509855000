import type { Connection } from '../../redis/connection.js';
import { takeEntries } from '../../redis/scripts.js';
import { DeadlineWheel } from '../../timing/deadline-wheel.js';
import type { ServerEventEmitter } from '../holding/server-events.js';
import type { HeldEntry } from '../holding/group-stream.js';

const RETRY_MS = 500;

/**
 * Failed entries that wait for their next attempt. They hold no slot and no body: both come back with the script that
 * counts the attempt, if the entry is still ours. Their leases are renewed like those of running ones.
 */
export class RetryQueue {
  private waitingCount = 0;
  private isClosed = false;
  private progressed: (() => void)[] = [];
  private readonly wheel = new DeadlineWheel<HeldEntry>((entry) => void this.again(entry));
  /** What runs an entry whose time has come. */
  onDue: (entry: HeldEntry) => void = () => undefined;

  constructor(
    private readonly writer: Connection,
    private readonly events: ServerEventEmitter,
  ) {}

  get size(): number {
    return this.waitingCount;
  }

  add(entry: HeldEntry, delayMs: number): void {
    entry.phase = 'waiting';
    entry.context = undefined;
    // The server stops, and hands it back.
    if (this.isClosed) return;
    this.waitingCount++;
    this.events.emit('retried', { ...entry.placeAndAttempt, delayMs });
    this.wheel.add(entry, delayMs);
  }

  /** Resolves when one entry less waits. */
  progress(): Promise<void> {
    return new Promise((resolve) => this.progressed.push(resolve));
  }

  /** Resolves all who wait for progress. */
  wake(): void {
    for (const resolve of this.progressed.splice(0)) resolve();
  }

  private left(): void {
    this.waitingCount--;
    this.wake();
  }

  close(): void {
    this.isClosed = true;
    this.wheel.clear();
    this.waitingCount = 0;
    this.wake();
  }

  private async again(entry: HeldEntry): Promise<void> {
    const { groupStream } = entry;
    if (entry.isLost || groupStream.held.get(entry.id) !== entry) {
      this.left();
      return;
    }
    try {
      const rule = { from: groupStream.consumer, minIdleMs: 0, countAttempt: true };
      const [taken] = await takeEntries(this.writer.client, groupStream, rule, [entry.id]);
      this.left();
      entry.ownedAt = performance.now();
      if (taken) {
        entry.attempt = taken.attempt;
        entry.fields = taken.fields;
        entry.started = false;
        if (taken.fields) this.onDue(entry);
        else this.forget(entry, 'entryLost');
      } else this.forget(entry, 'leaseLost');
    } catch {
      // No connection, or not now. The lease runs on meanwhile; if it ends, another consumer takes the entry.
      if (!this.isClosed) this.wheel.add(entry, RETRY_MS);
    }
  }

  private forget(entry: HeldEntry, fact: 'leaseLost' | 'entryLost'): void {
    entry.isLost = true;
    entry.groupStream.release(entry);
    this.events.emit(fact, entry.place);
  }
}
