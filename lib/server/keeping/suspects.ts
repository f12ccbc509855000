import type { GroupStream } from '../holding/group-stream.js';
import type { HeldEntry } from '../holding/held-entry.js';
import type { Lane } from '../running/lane.js';

/** More are found again by the next sweep. */
const MAX_WAITING = 1_000;

interface Suspect {
  readonly lane: Lane;
  readonly groupStream: GroupStream;
  readonly id: string;
}

/** Takes one entry over from its dead consumer; undefined when it is not to be had any more. */
export type TakeOver = (groupStream: GroupStream, id: string) => Promise<HeldEntry | undefined>;

/**
 * Entries that may have killed their process, each of which runs alone: its lane is held until it is over, so that whatever
 * it does to the process, nothing of the same lane dies with it. One after the other in this process, and each is taken over
 * only when its lane is quiet and the one before is settled in Redis: a crash counts for none but the one that ran.
 *
 * Neither what already runs in the lane nor the entry itself is waited for longer than `patienceMs`: a handler that takes its
 * time is no reason to stop everything else.
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
   * What waits stays where it is, in the pending list of a dead consumer. Resolves when nothing is being taken over any more:
   * what was, and does not run, can be handed back.
   */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.waiting.length = 0;
    await this.takingOver?.catch(() => undefined);
  }

  private async work(): Promise<void> {
    this.isBusy = true;
    for (let next = this.waiting.shift(); next; next = this.waiting.shift()) {
      // Whatever fails here, the next sweep finds the entry again.
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

  /** Resolves when the run is over, and its result in Redis if it has one. */
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
