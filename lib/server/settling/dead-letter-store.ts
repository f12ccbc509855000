import { DEAD_FIELD } from '../../constants.js';
import type { Connection } from '../../redis/connection.js';
import { classify, withoutArguments } from '../../redis/reply-error.js';
import { storeDeadLetter } from '../../redis/scripts.js';
import type { DeadLetterOutcome } from '../../redis/scripts.js';
import type { GroupStream } from '../holding/group-stream.js';
import type { HeldEntry } from '../holding/held-entry.js';
import type { ServerEventEmitter } from '../holding/server-events.js';
import type { ThrottledLog } from '../throttled-log.js';
import type { DeadLetterReason } from './settlement.js';

const RETRY_MS = 1_000;
const MAX_RETRY_MS = 2_000;
/** Letters of one stream that are stored concurrently once Redis takes them again. */
const PORTION = 64;

interface Letter {
  readonly entry: HeldEntry;
  readonly reason: DeadLetterReason;
  readonly error: string;
  readonly failedAt: Date;
  /** Its script was sent, but the answer never arrived. */
  isMaybeStored: boolean;
}

/** Letters of one stream that could not be stored. */
interface Stuck {
  readonly letters: Letter[];
  pauseMs: number;
}

export interface DeadLetterParts {
  readonly writer: Connection;
  readonly events: ServerEventEmitter;
  readonly log: ThrottledLog;
}

/**
 * Moves entries that will not succeed to their dead-letter stream. The copy and the ack are one script: without a
 * stored copy there is no ack, and this consumer keeps the entry and retries. While Redis takes no letter of a stream,
 * one of them is retried at growing intervals, and the others follow when it succeeds.
 */
export class DeadLetterStore {
  private readonly stuck = new Map<GroupStream, Stuck>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly open = new Set<Promise<void>>();
  private isClosed = false;

  constructor(private readonly parts: DeadLetterParts) {}

  store(entry: HeldEntry, reason: DeadLetterReason, error: string): void {
    entry.settle();
    const letter: Letter = { entry, reason, error, failedAt: new Date(), isMaybeStored: false };
    const stuck = this.stuck.get(entry.groupStream);
    if (stuck) stuck.letters.push(letter);
    else this.send(letter);
  }

  /** Resolves when every letter in flight is stored or postponed. */
  async drained(): Promise<void> {
    await Promise.all(this.open);
  }

  close(): void {
    this.isClosed = true;
    for (const timer of this.timers) clearTimeout(timer);
    this.stuck.clear();
  }

  private send(letter: Letter): void {
    const attempt = this.attempt(letter).then((failure) => {
      this.open.delete(attempt);
      if (failure) this.putOff(letter, failure);
    });
    this.open.add(attempt);
  }

  /** @returns why the letter could not be stored; undefined when there is nothing left to do */
  private async attempt(letter: Letter): Promise<Error | undefined> {
    const { entry, reason, error, failedAt } = letter;
    if (!entry.isOurs) return undefined;
    const { groupStream, id } = entry;
    try {
      const result = await storeDeadLetter(this.parts.writer.client, groupStream, {
        id,
        deadLetterStream: groupStream.deadLetterStream,
        deleteEntry: entry.request !== undefined,
        extra: extraFields(entry, reason, error, failedAt),
      });
      groupStream.countSettled(1);
      entry.release();
      this.report(letter, result);
      return undefined;
    } catch (failure) {
      const kind = classify(failure);
      letter.isMaybeStored ||= kind === 'lost';
      if (kind !== 'rejoin') return withoutArguments(failure);
      // The group was lost with its pending list. Kept as backlog, the entry could block the read that recreates it.
      entry.release();
      this.parts.events.emit('entryLost', entry.place);
      return undefined;
    }
  }

  private putOff(letter: Letter, failure: Error): void {
    if (this.isClosed) return;
    const { groupStream } = letter.entry;
    this.warn(groupStream, failure);
    const stuck = this.stuck.get(groupStream);
    if (stuck) stuck.letters.push(letter);
    else {
      this.stuck.set(groupStream, { letters: [letter], pauseMs: RETRY_MS });
      this.later(RETRY_MS, () => void this.probe(groupStream));
    }
  }

  /** Retries one letter of a stream; the others follow if Redis takes it. */
  private async probe(groupStream: GroupStream): Promise<void> {
    const stuck = this.stuck.get(groupStream);
    const letter = stuck?.letters[0];
    if (!stuck || !letter || this.isClosed) return;
    const failure = await this.attempt(letter);
    if (this.isClosed) return;
    if (failure) {
      this.warn(groupStream, failure);
      stuck.pauseMs = Math.min(MAX_RETRY_MS, stuck.pauseMs * 2);
      this.later(stuck.pauseMs, () => void this.probe(groupStream));
      return;
    }
    stuck.letters.shift();
    await this.sendAll(stuck.letters);
    if (stuck.letters.length === 0) this.stuck.delete(groupStream);
    else this.later(RETRY_MS, () => void this.probe(groupStream));
  }

  /** Sends in portions, until one of them fails. */
  private async sendAll(letters: Letter[]): Promise<void> {
    while (letters.length > 0 && !this.isClosed) {
      const portion = letters.splice(0, PORTION);
      const failures = await Promise.all(portion.map((letter) => this.attempt(letter)));
      const failed = portion.filter((_, i) => failures[i]);
      letters.unshift(...failed);
      if (failed.length > 0) return;
    }
  }

  private later(ms: number, task: () => void): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      task();
    }, ms).unref();
    this.timers.add(timer);
  }

  private warn({ stream }: GroupStream, failure: Error): void {
    const kind = classify(failure);
    if (kind === 'lost' || kind === 'not-sent') return;
    this.parts.log.warn(
      `letter ${stream} ${failure.message}`,
      `Dead letters of "${stream}" could not be stored; their entries stay pending and will be retried: ${failure.message}`,
    );
  }

  private report(
    { entry, reason, error, failedAt, isMaybeStored }: Letter,
    { status, letterId }: DeadLetterOutcome,
  ): void {
    const { events, log } = this.parts;
    const { stream, group, deadLetterStream } = entry.groupStream;
    if (status === 'gone') events.emit('entryLost', entry.place);
    // If the answer to an earlier try was lost, no longer owning the entry means that the letter is stored.
    else if (status === 'not-owned' && !isMaybeStored) events.emit('leaseLost', entry.place);
    else {
      log.warn(
        `letter ${stream} ${group} ${reason}`,
        `Entry ${entry.id} of "${stream}" (group "${group}") is a dead letter after ${entry.attempt} attempts: ${reason}`,
      );
      events.emit('deadLettered', { ...entry.placeAndAttempt, deadLetterStream, letterId, reason, error, failedAt });
    }
  }
}

function extraFields(entry: HeldEntry, reason: DeadLetterReason, error: string, failedAt: Date): string[] {
  const { groupStream, id, attempt } = entry;
  const fields: [string, string][] = [
    [DEAD_FIELD.stream, groupStream.stream],
    [DEAD_FIELD.group, groupStream.group],
    [DEAD_FIELD.id, id],
    [DEAD_FIELD.attempts, String(attempt)],
    [DEAD_FIELD.reason, reason],
    [DEAD_FIELD.error, error],
    [DEAD_FIELD.failedAt, failedAt.toISOString()],
  ];
  return fields.flat();
}
