import type { Connection } from '../redis/connection.js';
import { groupNames } from '../redis/stream-commands.js';
import type { GroupStream } from './holding/group-stream.js';

const KNOWN_FOR_MS = 1_000;

interface Answer {
  readonly until: number;
  readonly isOnly: Promise<boolean>;
}

/** Knows whether a stream has another group beside ours; asked for requests that only event handlers could answer. */
export class OnlyGroup {
  private readonly answers = new Map<GroupStream, Answer>();

  constructor(private readonly writer: Connection) {}

  /** True as well where Redis does not say. */
  check(groupStream: GroupStream): Promise<boolean> {
    const now = performance.now();
    let answer = this.answers.get(groupStream);
    if (!answer || answer.until < now) {
      const isOnly = groupNames(this.writer.client, groupStream.stream).then((names) => names.length <= 1);
      answer = { until: now + KNOWN_FOR_MS, isOnly };
      this.answers.set(groupStream, answer);
    }
    return answer.isOnly;
  }
}
