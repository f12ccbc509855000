/** What waits for a slot. */
export interface SlotTaker {
  /** Called once, with the slot. Whoever got it gives it back with `leave()`. */
  start(): void;
}

/** Slots, not a queue of work: `free` is how many entries the next read may ask for. */
export class ConcurrencyGate {
  private taken = 0;
  private isStarting = false;
  private readonly takers: SlotTaker[] = [];
  private readonly waiters: (() => void)[] = [];

  constructor(readonly limit: number) {}

  get free(): number {
    return Math.max(0, this.limit - this.taken - this.takers.length);
  }

  /** Starts `taker` with a slot: now, or before any read once one is free. */
  enter(taker: SlotTaker): void {
    if (this.taken >= this.limit) {
      this.takers.push(taker);
      return;
    }
    this.taken++;
    taker.start();
  }

  leave(): void {
    this.taken--;
    // One that is over before `start` returns comes by here again: a loop, where a recursion could become as deep as the queue.
    if (!this.isStarting) this.startWaiting();
    if (this.free > 0) this.wake();
  }

  private startWaiting(): void {
    this.isStarting = true;
    try {
      while (this.taken < this.limit && this.takers.length > 0) {
        this.taken++;
        this.takers.shift()?.start();
      }
    } finally {
      this.isStarting = false;
    }
  }

  /** Resolves when at least one slot is free, or at `wake`. */
  available(): Promise<void> {
    if (this.free > 0) return Promise.resolve();
    return new Promise((resolve) => this.waiters.push(resolve));
  }

  wake(): void {
    if (this.waiters.length === 0) return;
    for (const resolve of this.waiters.splice(0)) resolve();
  }

  /** Drops those who wait for a slot; their entries were not started. */
  clear(): void {
    this.takers.length = 0;
    this.wake();
  }
}
