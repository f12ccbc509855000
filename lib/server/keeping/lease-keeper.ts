import type { Connection } from '../../redis/connection.js';
import { renewLease } from '../../redis/scripts.js';
import type { ServerEventEmitter } from '../holding/server-events.js';
import type { GroupStream, HeldEntry } from '../holding/group-stream.js';

const MAX_IDS_PER_CALL = 500;

/** Keeps this process' entries from being claimed by others, and says so when it cannot. */
export class LeaseKeeper {
  private timer: NodeJS.Timeout | undefined;
  private isRenewing = false;

  constructor(
    private readonly streams: readonly GroupStream[],
    private readonly writer: Connection,
    private readonly leaseMs: number,
    private readonly events: ServerEventEmitter,
  ) {}

  start(): void {
    this.timer = setInterval(() => void this.renew(), this.leaseMs / 3).unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private async renew(): Promise<void> {
    if (this.isRenewing || !this.writer.isReady) return;
    this.isRenewing = true;
    try {
      for (const groupStream of this.streams) {
        const entries = this.due(groupStream);
        for (let at = 0; at < entries.length; at += MAX_IDS_PER_CALL) {
          await this.renewSome(groupStream, entries.slice(at, at + MAX_IDS_PER_CALL));
        }
      }
    } catch {
      // Tried again at the next turn: there are two more before the lease ends.
    } finally {
      this.isRenewing = false;
    }
  }

  /** Entries that came since the last turn have time until the next one. */
  private due(groupStream: GroupStream): HeldEntry[] {
    const now = performance.now();
    return [...groupStream.held.values()].filter((entry) => !entry.isLost && now - entry.ownedAt > this.leaseMs / 4);
  }

  private async renewSome(groupStream: GroupStream, entries: readonly HeldEntry[]): Promise<void> {
    const asked = performance.now();
    const ids = entries.map(({ id }) => id);
    const lost = new Set(await renewLease(this.writer.client, groupStream, ids));
    for (const entry of entries) {
      if (!lost.has(entry.id)) entry.ownedAt = asked;
      // While it is being settled, not being pending any more is what was wanted.
      else if (entry.phase !== 'settling' && groupStream.held.get(entry.id) === entry) this.lose(entry);
    }
  }

  private lose(entry: HeldEntry): void {
    entry.isLost = true;
    // What runs stays held until it is over: should the entry come back, it must not run beside itself.
    const isRunning = entry.phase === 'running' && entry.context !== undefined;
    if (!isRunning) entry.groupStream.release(entry);
    entry.context?.abort(new Error('The lease is lost: another consumer owns the entry by now, or it was deleted'));
    this.events.emit('leaseLost', entry.place);
  }
}
