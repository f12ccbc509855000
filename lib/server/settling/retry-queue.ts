import type { Connection } from '../../redis/connection.js';
import { portions } from '../../redis/portions.js';
import { classify } from '../../redis/reply-error.js';
import { retakeEntries } from '../../redis/scripts.js';
import { DeadlineWheel } from '../../timing/deadline-wheel.js';
import type { GroupStream } from '../holding/group-stream.js';
import type { HeldEntry } from '../holding/held-entry.js';
import type { ServerEventEmitter } from '../holding/server-events.js';

const RETRY_MS = 500;
const MAX_IDS_PER_CALL = 100;

/**
 * Failed entries that wait for their next attempt. They hold no slot and no fields: the script that counts the attempt
 * returns the fields, if this consumer still owns the entry. Their leases are renewed like those of running entries.
 */
export class RetryQueue {
  private isClosed = false;
  private readonly underWay = new Set<Promise<void>>();
  private readonly wheel = new DeadlineWheel<HeldEntry>((entry) => this.fallDue(entry));
  /** Entries that fell due in this turn of the event loop, by stream: those of one stream share calls. */
  private due = new Map<GroupStream, HeldEntry[]>();
  /** Runs an entry that is due. */
  onDue: (entry: HeldEntry) => void = () => undefined;

  constructor(
    private readonly writer: Connection,
    private readonly events: ServerEventEmitter,
  ) {}

  add(entry: HeldEntry, delayMs: number): void {
    entry.wait();
    // The server is stopping, and hands the entry back.
    if (this.isClosed) return;
    this.events.emit('retried', { ...entry.placeAndAttempt, delayMs });
    this.wheel.add(entry, delayMs);
  }

  /** Resolves when no attempt is being counted: entries whose counted attempt will not run can then be handed back. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.wheel.clear();
    this.due.clear();
    await Promise.all(this.underWay);
  }

  private fallDue(entry: HeldEntry): void {
    if (entry.phase !== 'waiting') return;
    if (this.due.size === 0) setImmediate(() => this.retakeDue());
    const entries = this.due.get(entry.groupStream);
    if (entries) entries.push(entry);
    else this.due.set(entry.groupStream, [entry]);
  }

  private retakeDue(): void {
    const { due } = this;
    this.due = new Map();
    for (const [groupStream, entries] of due) {
      for (const portion of portions(entries, MAX_IDS_PER_CALL)) {
        const call = this.retake(groupStream, portion);
        this.underWay.add(call);
        void call.finally(() => this.underWay.delete(call));
      }
    }
  }

  private async retake(groupStream: GroupStream, entries: readonly HeldEntry[]): Promise<void> {
    const asked = performance.now();
    try {
      const attempts = entries.map(({ id, attempt }) => ({ id, attempt: attempt + 1 }));
      const taken = await retakeEntries(this.writer.client, groupStream, attempts);
      for (const entry of entries) this.retaken(entry, taken.get(entry.id), asked);
    } catch (error) {
      if (this.isClosed) return;
      // The group was lost, and its pending list with it.
      if (classify(error) === 'rejoin') for (const entry of entries) this.retaken(entry, null, asked);
      // No connection, or Redis refuses for now. If the lease ends in the meantime, another consumer takes the entry.
      else for (const entry of entries) this.wheel.add(entry, RETRY_MS);
    }
  }

  private retaken(entry: HeldEntry, fields: readonly string[] | null | undefined, ownedAt: number): void {
    if (entry.phase !== 'waiting') return;
    if (fields) {
      entry.retake(entry.attempt + 1, fields, ownedAt);
      if (!this.isClosed) this.onDue(entry);
      return;
    }
    this.events.emit(fields === null ? 'entryLost' : 'leaseLost', entry.place);
    entry.release();
  }
}
