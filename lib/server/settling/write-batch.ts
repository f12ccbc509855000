import { encodeReply } from '../../codec/entry.codec.js';
import type { BatchCommand } from '../../redis/command-batch.js';
import type { GroupStream } from '../holding/group-stream.js';
import type { HeldEntry } from '../holding/held-entry.js';
import type { AckLine } from './ack-line.js';
import { sizeOf } from './responder.js';
import type { OutgoingReply, Responder } from './responder.js';

/** Maximum number of reply parts in one batch. */
const MAX_PARTS = 512;
/** A larger script blocks everything else in Redis (a batch of 128 parts of 1 MB each: 0.4 s). */
export const MAX_SCRIPT_BYTES = 65_536;
/** Smallest portion of one reply in a batch, in parts, however many replies wait. */
const MIN_PORTION = 16;
/** Acks have a limit of their own, so that replies and acks cannot starve each other. */
const MAX_ACKS = 64;
/** Bounds the reply stream of a client that is alive but does not read; applied once per `REPLIES_PER_TRIM` parts. */
const MAX_REPLIES = 100_000;
const REPLIES_PER_TRIM = 256;

interface ReplyWrite {
  readonly kind: 'reply';
  readonly responder: Responder;
  readonly part: OutgoingReply;
}

export interface AckWrite {
  readonly kind: 'ack';
  readonly line: AckLine;
  readonly entries: readonly HeldEntry[];
}

export type Write = ReplyWrite | AckWrite;

/** The writes of one call to one node: replies before acks, each reply with no more than its fair portion. */
export class WriteBatch {
  readonly writes: Write[] = [];
  /** Acks of entries that another consumer may have claimed. XACK does not check the owner, so these need a script. */
  readonly doubtful: AckWrite[] = [];
  private parts = 0;
  private acks = 0;
  private bytes = 0;
  private readonly portion: number;

  constructor(
    /** Entries last confirmed by Redis before this (monotonic clock) may have lost their lease. */
    private readonly confirmedSince: number,
    repliers: number,
  ) {
    this.portion = Math.max(MIN_PORTION, Math.floor(MAX_PARTS / Math.max(1, repliers)));
  }

  /** Whether the batch is small enough for a script. */
  get isSmall(): boolean {
    return this.bytes <= MAX_SCRIPT_BYTES;
  }

  get hasRoomForReplies(): boolean {
    return this.parts < MAX_PARTS && this.bytes < MAX_SCRIPT_BYTES;
  }

  get hasRoomForAcks(): boolean {
    return this.acks < MAX_ACKS;
  }

  /** Adds the portion of one reply. */
  addReply(responder: Responder): void {
    for (const part of responder.take(this.portion, MAX_SCRIPT_BYTES - this.bytes)) {
      this.writes.push({ kind: 'reply', responder, part });
      this.parts++;
      this.bytes += sizeOf(part);
    }
  }

  /** Adds one ack of a stream. */
  addAck(line: AckLine): void {
    const entries = line.take();
    const isDoubtful = ({ ownedAt }: HeldEntry): boolean => ownedAt < this.confirmedSince;
    this.acks++;
    if (!entries.some(isDoubtful)) {
      this.writes.push({ kind: 'ack', line, entries });
      return;
    }
    const sure = entries.filter((entry) => !isDoubtful(entry));
    if (sure.length > 0) this.writes.push({ kind: 'ack', line, entries: sure });
    this.doubtful.push({ kind: 'ack', line, entries: entries.filter(isDoubtful) });
  }
}

export function commandsOf(write: Write): BatchCommand[] {
  if (write.kind === 'ack') return acksOf(write.line.groupStream, write.entries);
  const { part, responder } = write;
  const cap = (part.seq + 1) % REPLIES_PER_TRIM === 0 ? ['MAXLEN', '~', MAX_REPLIES] : [];
  return [['XADD', responder.key, 'NOMKSTREAM', ...cap, '*', ...encodeReply(part)]];
}

function acksOf({ stream, group }: GroupStream, entries: readonly HeldEntry[]): BatchCommand[] {
  const ack = ['XACK', stream, group, ...entries.map(({ id }) => id)];
  // A request is for one group and is not replayed, so it is deleted with its ack.
  const requests = entries.filter(({ request }) => request).map(({ id }) => id);
  return requests.length > 0 ? [ack, ['XDEL', stream, ...requests]] : [ack];
}
