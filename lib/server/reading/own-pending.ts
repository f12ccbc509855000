import type { Connection } from '../../redis/connection.js';
import { HANDED_OVER_IDLE_MS, takeEntries } from '../../redis/scripts.js';
import type { TakeRule } from '../../redis/scripts.js';
import { pendingEntries } from '../../redis/stream-commands.js';
import type { PendingEntry } from '../../redis/stream-commands.js';
import type { GroupStream } from '../holding/group-stream.js';
import type { ServerEventEmitter } from '../holding/server-events.js';
import type { Lane } from '../running/lane.js';
import { mayRunBesideOthers } from '../settling/settlement.js';

const PAGE = 100;

export interface OwnPendingParts {
  readonly lane: Lane;
  readonly streams: readonly GroupStream[];
  readonly connection: Connection;
  readonly writer: Connection;
  readonly events: ServerEventEmitter;
}

/** Finds entries that are pending for this consumer but unknown to this process. */
export class OwnPending {
  constructor(
    private readonly parts: OwnPendingParts,
    private readonly isStopped: () => boolean,
  ) {}

  /**
   * Takes these entries and runs them.
   * @param isFirst whether an earlier process with this consumer name left them: it ran them, and that was an attempt
   */
  async take(isFirst: boolean): Promise<void> {
    for (const groupStream of this.parts.streams) {
      if (groupStream.isUsable && !this.isStopped()) await this.takeOf(groupStream, isFirst);
    }
  }

  private async takeOf(groupStream: GroupStream, isFirst: boolean): Promise<void> {
    const { consumer } = groupStream;
    let last: PendingEntry | undefined;
    while (!this.isStopped()) {
      const page = await pendingEntries(this.parts.connection.client, groupStream, { consumer }, last, PAGE);
      const unknown = page.filter((entry) => isForReader(groupStream, entry, isFirst)).map(({ id }) => id);
      await this.takeAll(groupStream, ruleFor(consumer, isFirst), unknown);
      last = page.at(-1);
      if (page.length < PAGE) return;
    }
  }

  private async takeAll(groupStream: GroupStream, rule: TakeRule, ids: string[]): Promise<void> {
    const { lane, writer, events } = this.parts;
    while (ids.length > 0 && !this.isStopped()) {
      await lane.gate.available();
      const some = ids.splice(0, Math.max(1, lane.gate.free));
      // On the connection of the sweep and the acks: answers keep their order, so this one cannot bring back an entry
      // that the sweep has taken and run, and that is settled by now.
      const asked = performance.now();
      for (const { id, attempt, fields } of await takeEntries(writer.client, groupStream, rule, some)) {
        // Already held if the sweep found it at the same time.
        const entry = fields && groupStream.hold(id, attempt, fields, asked);
        if (entry) lane.run(entry);
        else if (!fields) events.emit('entryLost', { stream: groupStream.stream, group: groupStream.group, id });
      }
    }
  }
}

/**
 * An earlier process ran what it left. Entries found later were never run, except what another consumer handed over
 * when it stopped: that may have been run, and is left to the sweep, which counts an attempt.
 */
function ruleFor(consumer: string, isFirst: boolean): TakeRule {
  const own = { from: consumer, minIdleMs: 0 };
  if (isFirst) return { ...own, countAttempt: true };
  return { ...own, belowIdleMs: HANDED_OVER_IDLE_MS, countAttempt: false };
}

/** Excludes what may have killed the earlier process: the sweep runs such an entry alone, or gives it up. */
function isForReader(groupStream: GroupStream, { id, attempt }: PendingEntry, isFirst: boolean): boolean {
  if (groupStream.holds(id)) return false;
  return !isFirst || mayRunBesideOthers(attempt + 1, groupStream.route.settings.maxAttempts);
}
