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

/** Looks for entries that Redis has given to this consumer, and that this process does not know of. */
export class OwnPending {
  constructor(
    private readonly parts: OwnPendingParts,
    private readonly isStopped: () => boolean,
  ) {}

  /**
   * Takes them and runs them.
   * @param isFirst whether they are from an earlier life under the same name: those were run, so that it counts as an attempt
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
      // On the connection of the sweep and of the acks: an answer that overtakes none of theirs cannot bring back what the
      // sweep has taken and run, and what is settled by now.
      const asked = performance.now();
      for (const { id, attempt, fields } of await takeEntries(writer.client, groupStream, rule, some)) {
        // Held already where the sweep has found it at the same time.
        const entry = fields && groupStream.hold(id, attempt, fields, asked);
        if (entry) lane.run(entry);
        else if (!fields) events.emit('entryLost', { stream: groupStream.stream, group: groupStream.group, id });
      }
    }
  }
}

/**
 * Those of an earlier life were run. Later ones never were, but for what another consumer handed over when it stopped: that
 * may have been, and the sweep counts it.
 */
function ruleFor(consumer: string, isFirst: boolean): TakeRule {
  const own = { from: consumer, minIdleMs: 0 };
  if (isFirst) return { ...own, countAttempt: true };
  return { ...own, belowIdleMs: HANDED_OVER_IDLE_MS, countAttempt: false };
}

/** Not what may have killed the earlier life: the sweep runs that alone, or not at all any more. */
function isForReader(groupStream: GroupStream, { id, attempt }: PendingEntry, isFirst: boolean): boolean {
  if (groupStream.holds(id)) return false;
  return !isFirst || mayRunBesideOthers(attempt + 1, groupStream.route.settings.maxAttempts);
}
