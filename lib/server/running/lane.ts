import { MAX_BACKLOG_BYTES, MAX_BACKLOG_PER_SLOT } from '../../constants.js';
import type { GroupStream } from '../holding/group-stream.js';
import type { HeldEntry } from '../holding/held-entry.js';
import type { ConcurrencyGate } from './concurrency-gate.js';
import { EntryRun } from './entry-run.js';
import type { RunParts } from './entry-run.js';
import { refuse } from './refusal.js';

/** A stream may fill one part in this many of its lane's backlog, so that a failing one does not block the others. */
const STREAM_SHARE = 4;

/**
 * Streams of one group that share slots. A handler with its own `concurrency` has its own lane: busy, slow or refused
 * streams elsewhere do not delay it, and it does not delay others.
 *
 * The backlog, entries that wait for a retry or for their settlement, holds no slot, so it is bounded here: a stream
 * with too large a backlog is not read, and when the lane has too large a backlog, none of its streams is. Replies that
 * wait for Redis keep their payloads in memory, so their bytes are bounded, too.
 */
export class Lane {
  private readonly maxBacklog: number;
  private readonly maxBacklogOfStream: number;
  private readonly maxBytesOfStream: number;

  constructor(
    readonly group: string,
    readonly streams: readonly GroupStream[],
    readonly gate: ConcurrencyGate,
    private readonly parts: RunParts,
  ) {
    this.maxBacklog = gate.limit * MAX_BACKLOG_PER_SLOT;
    const share = streams.length === 1 ? 1 : STREAM_SHARE;
    this.maxBacklogOfStream = Math.ceil(this.maxBacklog / share);
    this.maxBytesOfStream = MAX_BACKLOG_BYTES / share;
  }

  /** Runs an entry that this process owns, once it has a slot. Calls `over` when the run is over. */
  run(entry: HeldEntry, over?: () => void): void {
    this.gate.enter(this.prepare(entry, over));
  }

  /** Like `run`, for entries whose slots were claimed. */
  runClaimed(entries: readonly HeldEntry[], slots: number): void {
    this.gate.use(
      slots,
      entries.map((entry) => this.prepare(entry)),
    );
  }

  /** Like `run`, while the gate is held for this entry. */
  runHeld(entry: HeldEntry, over: () => void): void {
    this.gate.enterHeld(this.prepare(entry, over));
  }

  /** Gives up an entry whose consumers died, or lost it, on each of its `maxAttempts` attempts. */
  abandon(entry: HeldEntry): void {
    this.parts.decoder.decode(entry, {
      decoded: () => void refuse(this.parts, entry, 'abandoned', 'Its consumer died, or lost it, on every attempt'),
      unusable: () => undefined,
    });
  }

  /** Those of the given streams that may be read now. */
  readable(streams: readonly GroupStream[]): readonly GroupStream[] {
    if (this.isFull) return [];
    return streams.filter((groupStream) => groupStream.isUsable && this.hasRoom(groupStream));
  }

  /** How many more entries fit into the backlog of a stream. */
  roomOf({ backlog }: GroupStream): number {
    return Math.max(0, this.maxBacklogOfStream - backlog);
  }

  private hasRoom(groupStream: GroupStream): boolean {
    return this.roomOf(groupStream) > 0 && groupStream.backlogBytes < this.maxBytesOfStream;
  }

  private get isFull(): boolean {
    let size = 0;
    let bytes = 0;
    for (const { backlog, backlogBytes } of this.streams) {
      size += backlog;
      bytes += backlogBytes;
    }
    return size >= this.maxBacklog || bytes >= MAX_BACKLOG_BYTES;
  }

  private prepare(entry: HeldEntry, over?: () => void): EntryRun {
    entry.queue();
    return new EntryRun(this.parts, entry, this.gate, over);
  }
}
