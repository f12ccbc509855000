import type { GroupStream } from '../holding/group-stream.js';
import type { HeldEntry } from '../holding/held-entry.js';
import type { Lane } from '../running/lane.js';

/** The next sweep finds the rest again. */
const MAX_WAITING = 1_000;

interface Suspect {
  readonly lane: Lane;
  readonly groupStream: GroupStream;
  readonly id: string;
}

/** Takes one entry over from its dead consumer; undefined when it is no longer available. */
export type TakeOver = (groupStream: GroupStream, id: string) => Promise<HeldEntry | undefined>;

/**
 * Runs suspects, entries that may have killed their process, one at a time and alone: the lane is held until the run is
 * over, so that a crash takes no other entry of the lane with it. A suspect is taken over only when its lane is quiet
 * and the one before it is settled in Redis: a crash counts as an attempt of the suspect that ran, and of no other.
 *
 * The wait for a quiet lane and the wait for the run end after `patienceMs` each: a slow handler must not stop
 * everything else.
 */
export class Suspects {
  private readonly waiting: Suspect[] = [];
  private readonly known = new Set<string>();
  private isBusy = false;
  private takingOver: Promise<HeldEntry | undefined> | undefined;
  private isStopped = false;

  constructor(
    private readonly takeOver: TakeOver,
    private readonly patienceMs: number,
  ) {}

  offer(lane: Lane, groupStream: GroupStream, id: string): void {
    const key = keyOf(groupStream, id);
    if (this.isStopped || this.known.has(key) || this.waiting.length >= MAX_WAITING) return;
    this.known.add(key);
    this.waiting.push({ lane, groupStream, id });
    if (!this.isBusy) void this.work();
  }

  /**
   * Waiting suspects stay in the pending list of their dead consumer. Resolves when no takeover is in progress: what
   * was taken over and does not run can then be handed back.
   */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.waiting.length = 0;
    await this.takingOver?.catch(() => undefined);
  }

  private async work(): Promise<void> {
    this.isBusy = true;
    for (let next = this.waiting.shift(); next; next = this.waiting.shift()) {
      // After a failure, the next sweep finds the entry again.
      await this.runAlone(next).catch(() => undefined);
      this.known.delete(keyOf(next.groupStream, next.id));
    }
    this.isBusy = false;
  }

  private async runAlone({ lane, groupStream, id }: Suspect): Promise<void> {
    await lane.gate.hold(this.patienceMs);
    try {
      if (this.isStopped) return;
      this.takingOver = this.takeOver(groupStream, id);
      const entry = await this.takingOver;
      if (entry) await this.runToTheEnd(lane, entry);
    } finally {
      lane.gate.release();
    }
  }

  /** Resolves when the run is over and its result, if any, is in Redis, or after `patienceMs`. */
  private runToTheEnd(lane: Lane, entry: HeldEntry): Promise<void> {
    return new Promise((resolve) => {
      const limit = setTimeout(resolve, this.patienceMs).unref();
      const end = (): void => {
        clearTimeout(limit);
        resolve();
      };
      entry.onReleased(end);
      lane.runHeld(entry, () => {
        if (entry.phase !== 'settling') end();
      });
    });
  }
}

const keyOf = ({ stream, group }: GroupStream, id: string): string => `${group}\n${stream}\n${id}`;
