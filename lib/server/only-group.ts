import { setTimeout as pause } from 'node:timers/promises';
import type { Connection } from '../redis/connection.js';
import { classify } from '../redis/reply-error.js';
import { groupNames } from '../redis/stream-commands.js';
import type { GroupStream } from './holding/group-stream.js';

/** How long "another group exists" is cached. "No other group" is checked again each time. */
const KNOWN_FOR_MS = 1_000;
/**
 * After a loss of data a group may be the first of several to be created again: servers pause up to 1.25 s between two attempts
 * to reconnect. "No other group" counts if it still holds after this time, or if it was known before and nothing has happened.
 */
const SETTLING_MS = 2_000;
const TRIES = 20;
const RETRY_MS = 250;

/** Checks whether ours is the only group of a stream; needed for requests that only event handlers could answer. */
export class OnlyGroup {
  private readonly othersUntil = new Map<GroupStream, number>();
  /** Streams on which ours was the only group at the last check. */
  private readonly confirmed = new Set<GroupStream>();
  private readonly questions = new Map<GroupStream, Promise<boolean>>();

  constructor(private readonly writer: Connection) {}

  /** Also true where Redis forbids the check. */
  check(groupStream: GroupStream): Promise<boolean> {
    if ((this.othersUntil.get(groupStream) ?? 0) > performance.now()) return Promise.resolve(false);
    let question = this.questions.get(groupStream);
    if (!question) {
      question = this.ask(groupStream).finally(() => this.questions.delete(groupStream));
      this.questions.set(groupStream, question);
    }
    return question;
  }

  private async ask(groupStream: GroupStream): Promise<boolean> {
    let isOnly = await this.isOnly(groupStream);
    const settlingMs = this.confirmed.has(groupStream) ? SETTLING_MS - groupStream.knownForMs : SETTLING_MS;
    if (isOnly && settlingMs > 0) {
      await pause(settlingMs, undefined, { ref: false });
      isOnly = await this.isOnly(groupStream);
    }
    if (isOnly) this.confirmed.add(groupStream);
    else {
      this.confirmed.delete(groupStream);
      this.othersUntil.set(groupStream, performance.now() + KNOWN_FOR_MS);
    }
    return isOnly;
  }

  private async isOnly({ stream }: GroupStream): Promise<boolean> {
    for (let tries = 0; tries < TRIES; tries++) {
      try {
        return (await groupNames(this.writer.client, stream)).length <= 1;
      } catch (error) {
        if (classify(error) === 'fatal') return true;
      }
      // Retry, do not guess: an answer in place of another group is final, but a lost connection or stream comes back.
      await pause(RETRY_MS, undefined, { ref: false });
    }
    return false;
  }
}
