import type { GroupStream } from '../holding/group-stream.js';
import type { HeldEntry } from '../holding/held-entry.js';

/** Lua passes at most some 8,000 values to a call; this limit also keeps scripts short. */
export const MAX_IDS_PER_ACK = 500;

/** The entries of one stream that are done and not yet acked, oldest first. */
export class AckLine {
  private entries: HeldEntry[] = [];
  /** After a failed ack, the next one waits until then (monotonic clock). */
  private pausedUntil = 0;

  constructor(readonly groupStream: GroupStream) {}

  get length(): number {
    return this.entries.length;
  }

  get isPaused(): boolean {
    return this.pausedUntil > performance.now();
  }

  add(entry: HeldEntry): void {
    this.entries.push(entry);
  }

  /** Removes and returns the entries for one command. */
  take(): HeldEntry[] {
    if (this.entries.length > MAX_IDS_PER_ACK) return this.entries.splice(0, MAX_IDS_PER_ACK);
    const { entries } = this;
    this.entries = [];
    return entries;
  }

  /** Puts entries that were not acked back in front, and pauses the line. */
  putBack(entries: readonly HeldEntry[], pauseMs: number): void {
    this.entries.unshift(...entries);
    this.pausedUntil = performance.now() + pauseMs;
  }

  resume(): void {
    this.pausedUntil = 0;
  }
}
