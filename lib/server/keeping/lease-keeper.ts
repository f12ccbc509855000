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
 * Renews the leases of this process's entries, so that other consumers do not claim them, and emits `leaseLost` for
 * lost ones. Each stream is renewed on its own: one that Redis refuses, or whose node hangs, does not delay the others.
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
      // The next renewal makes up for a failed one: there are two more before the lease ends.
      task: (groupStream) => this.renew(groupStream),
      isPossible: () => parts.writer.isReady,
    });
  }

  start(): void {
    this.rounds.start();
    // After an outage of two turns, the next regular turn would come when the leases end.
    this.parts.writer.client.on('ready', () => this.rounds.turn());
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

  /** Entries taken since the last renewal can wait for the next one. */
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
      // While an entry is being settled, no longer being pending is the goal.
      else if (entry.isOurs && entry.phase !== 'settling') this.lose(entry);
    }
  }

  private lose(entry: HeldEntry): void {
    entry.lose(new Error('The lease is lost: another consumer owns the entry, or it is no longer pending'));
    this.parts.events.emit('leaseLost', entry.place);
  }
}

/** The caller deleted the request, and the cancellation message was missed. */
function cancel(entry: HeldEntry): void {
  if (entry.request) entry.cancelRun(new RequestCancelledError('its caller is gone'));
}
