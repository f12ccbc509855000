/** Something that falls due. The wheel forgets it once it has, or once it is cancelled. */
export interface Deadline {
  cancel(): void;
}

class Slot<T> implements Deadline {
  constructor(
    readonly item: T,
    private readonly home: Set<Slot<T>>,
  ) {}

  cancel(): void {
    this.home.delete(this);
  }

  /** False when it was cancelled. */
  leave(): boolean {
    return this.home.delete(this);
  }
}

/**
 * Deadlines by the thousand with one timer: they are kept in buckets of `granularityMs` and may fire that much late,
 * never early. The timer runs only while something waits, and does not keep the process alive.
 */
export class DeadlineWheel<T> {
  private readonly buckets = new Map<number, Set<Slot<T>>>();
  private timer: NodeJS.Timeout | undefined;
  private nextTick = Infinity;

  constructor(
    private readonly due: (item: T) => void,
    private readonly granularityMs = 20,
  ) {}

  add(item: T, delayMs: number): Deadline {
    const tick = Math.ceil((performance.now() + delayMs) / this.granularityMs);
    let bucket = this.buckets.get(tick);
    if (!bucket) this.buckets.set(tick, (bucket = new Set()));
    const slot = new Slot(item, bucket);
    bucket.add(slot);
    if (tick < this.nextTick) this.schedule(tick);
    return slot;
  }

  clear(): void {
    clearTimeout(this.timer);
    for (const bucket of this.buckets.values()) bucket.clear();
    this.buckets.clear();
    this.nextTick = Infinity;
  }

  private schedule(tick: number): void {
    clearTimeout(this.timer);
    this.nextTick = tick;
    const delay = Math.max(0, tick * this.granularityMs - performance.now());
    // setTimeout takes 31 bits; a longer wait is slept in stages.
    this.timer = setTimeout(() => this.turn(), Math.min(delay + 1, 2 ** 31 - 1));
    this.timer.unref();
  }

  private turn(): void {
    const now = Math.floor(performance.now() / this.granularityMs);
    const fired: Slot<T>[] = [];
    let next = Infinity;
    for (const [tick, bucket] of this.buckets) {
      if (tick <= now) {
        fired.push(...bucket);
        this.buckets.delete(tick);
      } else if (bucket.size === 0) this.buckets.delete(tick);
      else if (tick < next) next = tick;
    }
    this.nextTick = Infinity;
    if (next !== Infinity) this.schedule(next);
    // One that falls due may cancel others of the same turn.
    for (const slot of fired) if (slot.leave()) this.due(slot.item);
  }
}
