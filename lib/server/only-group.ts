import { setTimeout as pause } from 'node:timers/promises';
import type { Connection } from '../redis/connection.js';
import { classify } from '../redis/reply-error.js';
import { groupNames } from '../redis/stream-commands.js';
import type { GroupStream } from './holding/group-stream.js';

/** That another group is there is believed for so long; that there is none is asked anew each time. */
const KNOWN_FOR_MS = 1_000;
/** Where groups were lost and are made anew, ours may be the first of several. */
const SETTLING_MS = 1_000;
const TRIES = 20;
const RETRY_MS = 250;

/** Knows whether a stream has another group beside ours; asked for requests that only event handlers could answer. */
export class OnlyGroup {
  private readonly othersUntil = new Map<GroupStream, number>();
  private readonly questions = new Map<GroupStream, Promise<boolean>>();

  constructor(private readonly writer: Connection) {}

  /** True as well where Redis does not say. */
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
    const settlingMs = SETTLING_MS - groupStream.ageMs;
    if (isOnly && settlingMs > 0) {
      await pause(settlingMs, undefined, { ref: false });
      isOnly = await this.isOnly(groupStream);
    }
    if (!isOnly) this.othersUntil.set(groupStream, performance.now() + KNOWN_FOR_MS);
    return isOnly;
  }

  private async isOnly({ stream }: GroupStream): Promise<boolean> {
    for (let tries = 0; tries < TRIES; tries++) {
      try {
        return (await groupNames(this.writer.client, stream)).length <= 1;
      } catch (error) {
        if (classify(error) === 'fatal') return true;
      }
      // An answer in place of another group cannot be taken back; a connection comes back, and so does a stream that was lost.
      await pause(RETRY_MS, undefined, { ref: false });
    }
    return false;
  }
}
