import { MAX_BACKLOG_BYTES, MAX_BACKLOG_PER_SLOT } from '../../constants.js';
import type { GroupStream } from '../holding/group-stream.js';
import type { HeldEntry } from '../holding/held-entry.js';
import type { ConcurrencyGate } from './concurrency-gate.js';
import { EntryRun } from './entry-run.js';
import type { RunParts } from './entry-run.js';
import { refuse } from './refusal.js';

/** A stream may take up this part of what a lane holds, so that one that fails does not keep the others from being read. */
const STREAM_SHARE = 4;

/**
 * Streams of one group that share slots. A handler with its own concurrency has a lane of its own: nothing that is busy,
 * slow or refused elsewhere delays it, and it does not delay others.
 *
 * What waits for a further attempt or for its settlement holds no slot. It is bounded here, where it waits: a stream that
 * has too much of it is not read, and when the lane has too much none of its streams is. Replies that wait for Redis keep
 * their payloads meanwhile, so that these are bounded, too.
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

  /** As `run`, for entries whose slots were claimed. */
  runClaimed(entries: readonly HeldEntry[], slots: number): void {
    this.gate.use(
      slots,
      entries.map((entry) => this.prepare(entry)),
    );
  }

  /** As `run`, while the gate is held for this entry. */
  runHeld(entry: HeldEntry, over: () => void): void {
    this.gate.enterHeld(this.prepare(entry, over));
  }

  /** Gives up an entry whose consumers died as often as it may be tried. */
  abandon(entry: HeldEntry): void {
    this.parts.decoder.decode(entry, {
      decoded: () => void refuse(this.parts, entry, 'abandoned', 'Its consumer died, or lost it, in every attempt'),
      unusable: () => undefined,
    });
  }

  /** Those of these streams that may be read now. */
  readable(streams: readonly GroupStream[]): readonly GroupStream[] {
    if (this.isFull) return [];
    return streams.filter((groupStream) => groupStream.isUsable && this.hasRoom(groupStream));
  }

  /** How many more entries of a stream may wait for a further attempt or for their settlement. */
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
