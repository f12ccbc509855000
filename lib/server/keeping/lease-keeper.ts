import { RequestCancelledError } from '../../errors/transport-errors.js';
import type { Connection } from '../../redis/connection.js';
import { portions } from '../../redis/portions.js';
import { renewLease } from '../../redis/scripts.js';
import { Periodic } from '../../timing/periodic.js';
import type { GroupStream } from '../holding/group-stream.js';
import type { HeldEntry } from '../holding/held-entry.js';
import type { ServerEventEmitter } from '../holding/server-events.js';

const MAX_IDS_PER_CALL = 500;

export interface LeaseParts {
  readonly writer: Connection;
  readonly events: ServerEventEmitter;
}

/**
 * Keeps this process' entries from being claimed by others, and says so when it cannot. Each stream is renewed on its own:
 * one that Redis refuses, or whose node hangs, delays no other.
 */
export class LeaseKeeper {
  private readonly rounds: Periodic<GroupStream>;

  constructor(
    streams: readonly GroupStream[],
    private readonly parts: LeaseParts,
    private readonly leaseMs: number,
  ) {
    this.rounds = new Periodic({
      everyMs: leaseMs / 3,
      targets: () => streams,
      // A failure is tried again at the next turn: there are two more before the lease ends.
      task: (groupStream) => this.renew(groupStream),
      isPossible: () => parts.writer.isReady,
    });
  }

  start(): void {
    this.rounds.start();
  }

  stop(): Promise<void> {
    return this.rounds.stop();
  }

  private async renew(groupStream: GroupStream): Promise<void> {
    const calls = Array.from(portions(this.due(groupStream), MAX_IDS_PER_CALL), (entries) =>
      this.renewSome(groupStream, entries),
    );
    await Promise.all(calls);
  }

  /** Entries that came since the last turn have time until the next one. */
  private due(groupStream: GroupStream): HeldEntry[] {
    const before = performance.now() - this.leaseMs / 4;
    const entries: HeldEntry[] = [];
    for (const entry of groupStream.entries) if (entry.isOurs && entry.ownedAt < before) entries.push(entry);
    return entries;
  }

  private async renewSome(groupStream: GroupStream, entries: readonly HeldEntry[]): Promise<void> {
    const asked = performance.now();
    const { lost, deleted } = await renewLease(this.parts.writer.client, groupStream, entries);
    const notRenewed = new Set([...lost, ...deleted]);
    const gone = new Set(deleted);
    for (const entry of entries) {
      if (!notRenewed.has(entry.id)) entry.confirm(asked);
      else if (gone.has(entry.id)) cancel(entry);
      // While it is being settled, not being pending any more is what was wanted.
      else if (entry.isOurs && entry.phase !== 'settling') this.lose(entry);
    }
  }

  private lose(entry: HeldEntry): void {
    entry.lose(new Error('The lease is lost: another consumer owns the entry by now, or it was deleted'));
    this.parts.events.emit('leaseLost', entry.place);
  }
}

/** Its caller has deleted it, and the message that says so was missed. */
function cancel(entry: HeldEntry): void {
  if (entry.request) entry.cancelRun(new RequestCancelledError('its caller is gone'));
}
