import type { Connection } from '../../redis/connection.js';
import { runEach, runTogether } from '../../redis/command-batch.js';
import type { BatchCommand, BatchResult } from '../../redis/command-batch.js';
import { classify, replyCode, withoutArguments } from '../../redis/reply-error.js';
import { ackOwned } from '../../redis/scripts.js';
import { DeadlineWheel } from '../../timing/deadline-wheel.js';
import type { GroupStream } from '../holding/group-stream.js';
import type { HeldEntry } from '../holding/held-entry.js';
import type { ServerEventEmitter } from '../holding/server-events.js';
import type { ThrottledLog } from '../throttled-log.js';
import { AckLine } from './ack-line.js';
import type { OutgoingReply, Responder } from './responder.js';
import { WriteBatch, commandsOf } from './write-batch.js';
import type { AckWrite, Write } from './write-batch.js';

/** Reply, ack, deletion: the answer to a single request is faster without a script (`npm run bench -- requests`). */
const COMMANDS_OF_A_REQUEST = 3;
const RETRY_MS = 250;
/** No retry succeeds until an operator changes something. */
const FORBIDDEN_RETRY_MS = 5_000;
/** Pause before a reply is retried that found no reply stream or no memory. */
const REFUSED_RETRY_MS = 100;
/** Replies that may wait for their client to create its reply stream again, or for memory. */
const MAX_REFUSED = 1_000;

export interface QueueParts {
  readonly writer: Connection;
  readonly leaseMs: number;
  readonly events: ServerEventEmitter;
  readonly log: ThrottledLog;
}

/** Parts of one reply that Redis did not take, with the error of the first; null if the reply stream did not exist. */
interface Unwritten {
  readonly parts: OutgoingReply[];
  readonly error: Error | null;
}

/**
 * The pending writes of one node: the acks and replies of one turn of the event loop leave in one call. Failed writes
 * are retried: acks are idempotent, and clients ignore repeated parts of a reply. Replies take turns, and so do the
 * acks of different streams.
 */
export class NodeQueue {
  /** Replies with parts to write, in the order of their turns. */
  private repliers: Responder[] = [];
  private readonly lines = new Map<GroupStream, AckLine>();
  /** The lines with entries to ack, in the order of their turns. */
  private readonly busyLines = new Set<AckLine>();
  private readonly refused = new DeadlineWheel<Responder>((responder) => this.tryAgain(responder));
  private refusedCount = 0;
  private isScheduled = false;
  private isFlushing = false;
  /** After a temporary error, the next call waits until then (monotonic clock). */
  private pausedUntil = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly parts: QueueParts) {}

  /** Whether everything is written. */
  get isIdle(): boolean {
    return !this.isFlushing && this.repliers.length === 0 && this.refusedCount === 0 && this.busyLines.size === 0;
  }

  offer(responder: Responder): void {
    if (responder.isQueued) return;
    responder.isQueued = true;
    this.repliers.push(responder);
    this.schedule();
  }

  ack(entry: HeldEntry): void {
    const line = this.lineOf(entry.groupStream);
    line.add(entry);
    this.busyLines.add(line);
    this.schedule();
  }

  /** The connection is usable again: postponed writes no longer have to wait. */
  resume(): void {
    this.pausedUntil = 0;
    for (const line of this.busyLines) line.resume();
    this.schedule();
  }

  close(): void {
    clearTimeout(this.timer);
    this.refused.clear();
    this.refusedCount = 0;
  }

  private lineOf(groupStream: GroupStream): AckLine {
    let line = this.lines.get(groupStream);
    if (!line) this.lines.set(groupStream, (line = new AckLine(groupStream)));
    return line;
  }

  private schedule(): void {
    if (this.isScheduled || this.isFlushing) return;
    const pauseMs = this.pausedUntil - performance.now();
    if (pauseMs > 0) return this.scheduleIn(pauseMs);
    this.isScheduled = true;
    setImmediate(() => {
      this.isScheduled = false;
      void this.flush();
    });
  }

  private scheduleIn(ms: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.schedule(), ms).unref();
  }

  private async flush(): Promise<void> {
    if (this.isFlushing || !this.parts.writer.isReady) return;
    this.isFlushing = true;
    try {
      const batch = this.nextBatch();
      await Promise.all([this.write(batch), ...batch.doubtful.map((write) => this.ackDoubtful(write))]);
    } finally {
      this.isFlushing = false;
      this.scheduleRest();
    }
  }

  private nextBatch(): WriteBatch {
    const turn = this.repliers;
    const batch = new WriteBatch(performance.now() - this.parts.leaseMs * 0.8, turn.length);
    this.repliers = [];
    let served = 0;
    while (served < turn.length && batch.hasRoomForReplies) this.serve(turn[served++] as Responder, batch);
    // Replies that had no turn yet go before those that had one.
    if (served < turn.length) this.repliers = [...turn.slice(served), ...this.repliers];
    this.takeAcks(batch);
    return batch;
  }

  private serve(responder: Responder, batch: WriteBatch): void {
    responder.isQueued = false;
    batch.addReply(responder);
    if (responder.hasParts) {
      responder.isQueued = true;
      this.repliers.push(responder);
      return;
    }
    responder.finish();
  }

  private takeAcks(batch: WriteBatch): void {
    const turn = Array.from(this.busyLines);
    for (const line of turn) {
      if (!batch.hasRoomForAcks) return;
      if (line.isPaused) continue;
      batch.addAck(line);
      this.busyLines.delete(line);
      // The rest of a line goes behind the other lines.
      if (line.length > 0) this.busyLines.add(line);
    }
  }

  private scheduleRest(): void {
    if (this.repliers.length > 0) return this.schedule();
    for (const { isPaused } of this.busyLines) if (!isPaused) return this.schedule();
    if (this.busyLines.size > 0) this.scheduleIn(RETRY_MS);
  }

  private async write(batch: WriteBatch): Promise<void> {
    const { writes } = batch;
    if (writes.length === 0) return;
    const commands = writes.map(commandsOf);
    const results = await this.run(commands.flat(), batch.isSmall);
    let at = 0;
    const outcomes = commands.map(({ length }) => worst(results.slice(at, (at += length))));
    this.conclude(writes, outcomes);
  }

  private async run(commands: readonly BatchCommand[], isSmall: boolean): Promise<readonly BatchResult[]> {
    const { writer } = this.parts;
    // In a cluster, commands that are sent together must not span hash slots.
    const isSingle = writer.isCluster || !isSmall || commands.length <= COMMANDS_OF_A_REQUEST;
    if (isSingle) return runEach(writer.client, commands);
    try {
      return await runTogether(writer.client, commands);
    } catch (error) {
      if (isAnswerToNone(error)) return runEach(writer.client, commands);
      return commands.map((): BatchResult => [error as Error, null]);
    }
  }

  private conclude(writes: readonly Write[], outcomes: readonly BatchResult[]): void {
    let unwritten: Map<Responder, Unwritten> | undefined;
    writes.forEach((write, i) => {
      const [error, result] = outcomes[i] ?? [new Error('no answer'), null];
      if (write.kind === 'ack') this.acked(write, error);
      else if (!error && result !== null) write.responder.written();
      else {
        unwritten ??= new Map();
        const others = unwritten.get(write.responder);
        if (others) others.parts.push(write.part);
        else unwritten.set(write.responder, { parts: [write.part], error });
      }
    });
    for (const [responder, { parts, error }] of unwritten ?? []) this.unwritten(responder, parts, error);
  }

  private acked({ line, entries }: AckWrite, error: Error | null): void {
    if (!error) {
      line.groupStream.countSettled(entries.length);
      for (const entry of entries) entry.release();
      return;
    }
    for (const entry of entries) entry.ackMayBeDone();
    line.putBack(entries, this.pauseAfter(error, line.groupStream));
    this.busyLines.add(line);
  }

  /** Another consumer may own these entries by now: an ack from here must not hide its run. */
  private async ackDoubtful(write: AckWrite): Promise<void> {
    const { line, entries } = write;
    try {
      const lost = new Set(await ackOwned(this.parts.writer.client, line.groupStream, entries));
      this.acked({ ...write, entries: entries.filter(({ id }) => !lost.has(id)) }, null);
      for (const entry of entries) if (lost.has(entry.id)) this.lost(entry);
    } catch (error) {
      if (classify(error) !== 'rejoin') return this.acked(write, error as Error);
      // The group was lost, and its pending list with it.
      for (const entry of entries) this.lost(entry);
    }
  }

  private lost(entry: HeldEntry): void {
    // If an earlier ack was never confirmed, it may have worked: being no longer pending is no loss then.
    if (!entry.isAckMaybeDone) this.parts.events.emit('leaseLost', entry.place);
    entry.release();
  }

  private pauseAfter(error: Error, { stream }: GroupStream): number {
    switch (classify(error)) {
      case 'lost':
      case 'not-sent':
      case 'reconnect':
      case 'retry':
        return RETRY_MS;
      case 'fatal':
      case 'rejoin':
      case 'reject':
      case 'defect':
        this.parts.log.warn(
          `ack ${stream}`,
          `Redis refuses the acks of "${stream}"; they are kept and will be retried: ${withoutArguments(error).message}`,
        );
        return FORBIDDEN_RETRY_MS;
    }
  }

  private unwritten(responder: Responder, parts: readonly OutgoingReply[], error: Error | null): void {
    const reason = error ? withoutArguments(error).message : 'the caller is gone';
    if (error && isPassing(error)) {
      this.pausedUntil = performance.now() + RETRY_MS;
      responder.putBack(parts);
      this.offer(responder);
      return;
    }
    const isWorthIt = error === null || replyCode(error.message) === 'OOM';
    if (isWorthIt && this.refusedCount < MAX_REFUSED && responder.refused()) {
      responder.putBack(parts);
      // It gets no turn until then: its parts have to be written in order.
      responder.isQueued = true;
      this.repliers = this.repliers.filter((other) => other !== responder);
      this.refusedCount++;
      this.refused.add(responder, REFUSED_RETRY_MS);
      return;
    }
    this.repliers = this.repliers.filter((other) => other !== responder);
    responder.giveUp(reason);
    this.parts.events.emit('replyDropped', { stream: responder.stream, id: responder.requestId, reason });
  }

  private tryAgain(responder: Responder): void {
    this.refusedCount--;
    responder.isQueued = false;
    if (responder.hasParts) this.offer(responder);
  }
}

/** The first error, else the first reply. */
function worst(results: readonly BatchResult[]): BatchResult {
  return results.find(([error]) => error) ?? results[0] ?? [new Error('no answer'), null];
}

/** The call failed as a whole, and its error says nothing about any single command. */
function isAnswerToNone(error: unknown): boolean {
  const kind = classify(error);
  return kind === 'reject' || kind === 'rejoin' || kind === 'defect';
}

/** A temporary error, which has nothing to do with the content of the write. */
function isPassing(error: Error): boolean {
  const kind = classify(error);
  if (kind === 'retry') return replyCode(error.message) !== 'OOM';
  return kind === 'lost' || kind === 'not-sent' || kind === 'reconnect';
}
