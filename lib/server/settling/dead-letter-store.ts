import { DEAD_FIELD } from '../../constants.js';
import type { Connection } from '../../redis/connection.js';
import { classify, withoutArguments } from '../../redis/reply-error.js';
import { storeDeadLetter } from '../../redis/scripts.js';
import { DeadlineWheel } from '../../timing/deadline-wheel.js';
import type { ServerEventEmitter } from '../holding/server-events.js';
import type { HeldEntry } from '../holding/group-stream.js';
import type { DeadLetterReason } from './settlement.js';

const RETRY_MS = 1_000;

interface Burial {
  readonly entry: HeldEntry;
  readonly reason: DeadLetterReason;
  readonly error: string;
}

/**
 * Moves entries that will not succeed to their dead-letter stream. The copy and the ack are one script: without a
 * stored copy there is no ack, and the entry stays ours and is tried again.
 */
export class DeadLetterStore {
  private readonly later = new DeadlineWheel<Burial>((burial) => void this.bury(burial));
  private readonly open = new Set<Promise<void>>();
  private isClosed = false;

  constructor(
    private readonly writer: Connection,
    private readonly events: ServerEventEmitter,
    private readonly warn: (message: string) => void,
  ) {}

  store(entry: HeldEntry, reason: DeadLetterReason, error: string): void {
    entry.phase = 'settling';
    void this.bury({ entry, reason, error });
  }

  /** Resolves when every dead letter under way is stored or put off. */
  async drained(): Promise<void> {
    await Promise.all(this.open);
  }

  close(): void {
    this.isClosed = true;
    this.later.clear();
  }

  private bury(burial: Burial): Promise<void> {
    const attempt = this.attempt(burial).finally(() => this.open.delete(attempt));
    this.open.add(attempt);
    return attempt;
  }

  private async attempt(burial: Burial): Promise<void> {
    const { entry, reason, error } = burial;
    if (entry.isLost) return;
    try {
      const { groupStream, id } = entry;
      const { status } = await storeDeadLetter(this.writer.client, groupStream, {
        id,
        deadLetterStream: groupStream.deadLetterStream,
        deleteEntry: entry.request !== undefined,
        extra: extraFields(entry, reason, error),
      });
      groupStream.release(entry);
      groupStream.settledSinceTrim++;
      this.report(burial, status);
    } catch (failure) {
      if (this.isClosed) return;
      if (classify(failure) !== 'lost' && classify(failure) !== 'not-sent') {
        this.warn(
          `A dead letter of "${entry.groupStream.stream}" could not be stored and is tried again: ${withoutArguments(failure).message}`,
        );
      }
      this.later.add(burial, RETRY_MS);
    }
  }

  private report({ entry, reason }: Burial, result: 'stored' | 'not-owned' | 'gone'): void {
    if (result === 'not-owned') {
      entry.isLost = true;
      this.events.emit('leaseLost', entry.place);
    } else if (result === 'gone') this.events.emit('entryLost', entry.place);
    else {
      const { deadLetterStream } = entry.groupStream;
      this.warn(
        `Entry ${entry.id} of "${entry.groupStream.stream}" (group "${entry.groupStream.group}") is a dead letter after ${entry.attempt} attempts: ${reason}`,
      );
      this.events.emit('deadLettered', { ...entry.placeAndAttempt, deadLetterStream, reason });
    }
  }
}

function extraFields(entry: HeldEntry, reason: DeadLetterReason, error: string): string[] {
  const { groupStream, id, attempt } = entry;
  const fields: [string, string][] = [
    [DEAD_FIELD.stream, groupStream.stream],
    [DEAD_FIELD.group, groupStream.group],
    [DEAD_FIELD.id, id],
    [DEAD_FIELD.attempts, String(attempt)],
    [DEAD_FIELD.reason, reason],
    [DEAD_FIELD.error, error],
    [DEAD_FIELD.failedAt, new Date().toISOString()],
  ];
  return fields.flat();
}
