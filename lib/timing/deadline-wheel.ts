/** An item with a due time. The wheel forgets it when it fires or is cancelled. */
export interface Deadline {
  cancel(): void;
}

/** Deadlines of one tick, in the order of `add`. A linked list, because a set would grow again for every tick. */
class Bucket<T> {
  private first: Slot<T> | undefined;
  private last: Slot<T> | undefined;

  constructor(
    private readonly tick: number,
    private readonly buckets: Map<number, Bucket<T>>,
  ) {}

  add(slot: Slot<T>): void {
    slot.previous = this.last;
    if (this.last) this.last.next = slot;
    else this.first = slot;
    this.last = slot;
  }

  remove({ previous, next }: Slot<T>): void {
    if (previous) previous.next = next;
    else this.first = next;
    if (next) next.previous = previous;
    else this.last = previous;
  }

  /** Removes an empty bucket at once: with deadlines of a day, the map would grow for a day. */
  leaveIfEmpty(): void {
    if (!this.first && this.buckets.get(this.tick) === this) this.buckets.delete(this.tick);
  }

  appendTo(slots: Slot<T>[]): void {
    for (let slot = this.first; slot; slot = slot.next) slots.push(slot);
  }
}

class Slot<T> implements Deadline {
  previous: Slot<T> | undefined;
  next: Slot<T> | undefined;

  constructor(
    readonly item: T,
    private bucket: Bucket<T> | undefined,
  ) {}

  cancel(): void {
    const { bucket } = this;
    if (this.leave()) bucket?.leaveIfEmpty();
  }

  /** False if the deadline was cancelled or has fired. */
  leave(): boolean {
    if (!this.bucket) return false;
    this.bucket.remove(this);
    this.bucket = undefined;
    this.previous = undefined;
    this.next = undefined;
    return true;
  }
}

/**
 * Thousands of deadlines on one timer. They are kept in buckets of `granularityMs` and may fire up to `granularityMs`
 * late, never early. The timer runs only while there are deadlines, and does not keep the process alive. Memory use
 * follows the number of deadlines.
 */
export class DeadlineWheel<T> {
  private readonly buckets = new Map<number, Bucket<T>>();
  private timer: NodeJS.Timeout | undefined;
  private nextTick = Infinity;

  /** @param due called for each deadline; if it throws, the other deadlines of the tick still fire */
  constructor(
    private readonly due: (item: T) => void,
    private readonly granularityMs = 20,
  ) {}

  add(item: T, delayMs: number): Deadline {
    const tick = Math.ceil((performance.now() + delayMs) / this.granularityMs);
    let bucket = this.buckets.get(tick);
    if (!bucket) this.buckets.set(tick, (bucket = new Bucket(tick, this.buckets)));
    const slot = new Slot(item, bucket);
    bucket.add(slot);
    if (tick < this.nextTick) this.schedule(tick);
    return slot;
  }

  clear(): void {
    clearTimeout(this.timer);
    this.buckets.clear();
    this.nextTick = Infinity;
  }

  private schedule(tick: number): void {
    clearTimeout(this.timer);
    this.nextTick = tick;
    const delay = Math.max(0, tick * this.granularityMs - performance.now());
    // setTimeout accepts 31 bits; a longer wait takes several timers.
    this.timer = setTimeout(() => this.turn(), Math.min(delay + 1, 2 ** 31 - 1));
    this.timer.unref();
  }

  private turn(): void {
    const now = Math.floor(performance.now() / this.granularityMs);
    const fired: Slot<T>[] = [];
    let next = Infinity;
    for (const [tick, bucket] of this.buckets) {
      if (tick <= now) {
        bucket.appendTo(fired);
        this.buckets.delete(tick);
      } else if (tick < next) next = tick;
    }
    this.nextTick = Infinity;
    if (next !== Infinity) this.schedule(next);
    this.fire(fired);
  }

  private fire(slots: readonly Slot<T>[]): void {
    let failure: { readonly error: unknown } | undefined;
    for (const slot of slots) {
      // A deadline that fires may cancel others of the same turn.
      if (!slot.leave()) continue;
      try {
        this.due(slot.item);
      } catch (error) {
        failure ??= { error };
      }
    }
    if (failure) throw failure.error;
  }
}
