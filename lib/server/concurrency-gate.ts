/** Slots, not a queue of work: `free` is how many entries the next read may ask for. */
export class ConcurrencyGate {
  private taken = 0;
  private readonly starters: (() => void)[] = [];
  private readonly waiters: (() => void)[] = [];

  constructor(readonly limit: number) {}

  get free(): number {
    return Math.max(0, this.limit - this.taken - this.starters.length);
  }

  /** Runs `start` with a slot: now, or before any read once one is free. */
  enter(start: () => void): void {
    if (this.taken >= this.limit) {
      this.starters.push(start);
      return;
    }
    this.taken++;
    start();
  }

  leave(): void {
    const next = this.starters.shift();
    if (next) {
      next();
      return;
    }
    this.taken--;
    this.wake();
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
    this.starters.length = 0;
    this.wake();
  }
}
