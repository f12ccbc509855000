import { WaitLine } from './wait-line.js';

/** What waits for a slot. */
export interface SlotTaker {
  /** Called once, with the slot. Whoever got it gives it back with `leave()`. */
  start(): void;
}

interface Claim {
  readonly wanted: number;
  readonly granted: (slots: number) => void;
}

/**
 * The slots of a lane, not a queue of work: `free` is how many entries the next read may ask for. Three kinds want slots:
 *
 * - takers have their entry already: retries, and what a read brought beyond the slots;
 * - claims ask for slots before they take over the entries of a dead consumer;
 * - reads ask for new entries. They get what the other two, in order of arrival, have left.
 */
export class ConcurrencyGate {
  private taken = 0;
  /** Granted to claims that are under way to Redis. */
  private reserved = 0;
  /** Asked for by reads that are under way. Claims do not wait for them: a read may block for long and bring nothing. */
  private asked = 0;
  private isHeld = false;
  private isServing = false;
  private readonly queue = new WaitLine<SlotTaker | Claim>();
  private waitingSlots = 0;
  private waiters: (() => void)[] = [];
  private whenQuiet: (() => void) | undefined;

  constructor(readonly limit: number) {}

  /** For reads: what nothing else has or wants. */
  get free(): number {
    if (this.isHeld) return 0;
    return Math.max(0, this.limit - this.taken - this.reserved - this.asked - this.waitingSlots);
  }

  /** Whether nothing runs, waits or is asked for. */
  get isIdle(): boolean {
    return !this.isHeld && this.free === this.limit;
  }

  /** Starts `taker` with a slot: now, or before any read once one is free. */
  enter(taker: SlotTaker): void {
    if (this.isFull) {
      this.queue.push(taker);
      this.waitingSlots++;
    } else this.begin(taker);
  }

  leave(): void {
    this.taken--;
    this.serve();
  }

  /** Resolves with 1 to `wanted` slots, before any read gets one; with 0 when the server stops. Give them back with `use`. */
  claim(wanted: number): Promise<number> {
    return new Promise((granted) => {
      // More than there are could never be waited for.
      const claim = { wanted: Math.min(wanted, this.limit), granted };
      if (this.isFull) {
        this.queue.push(claim);
        this.waitingSlots += claim.wanted;
      } else this.grant(claim);
    });
  }

  /** Ends a claim: its slots go to these takers, and what is left of them to others. */
  use(granted: number, takers: readonly SlotTaker[]): void {
    this.reserved -= granted;
    for (const taker of takers) this.enter(taker);
    this.serve();
  }

  /** A read that asks for `count` entries is under way. */
  ask(count: number): void {
    this.asked += count;
  }

  answered(count: number): void {
    this.asked -= count;
    if (this.free > 0) this.wake();
  }

  /**
   * Lets nothing start any more, and resolves when nothing runs, at the latest after `patienceMs`. Then `enterHeld` starts
   * what has to run alone, and `release` lets the others go on.
   */
  async hold(patienceMs: number): Promise<void> {
    this.isHeld = true;
    if (this.taken + this.reserved === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, patienceMs);
      this.whenQuiet = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.whenQuiet = undefined;
  }

  enterHeld(taker: SlotTaker): void {
    this.begin(taker);
  }

  release(): void {
    this.isHeld = false;
    this.serve();
  }

  /** Resolves when at least one slot is free for a read, or at `wake`. */
  available(): Promise<void> {
    if (this.free > 0) return Promise.resolve();
    return new Promise((resolve) => this.waiters.push(resolve));
  }

  wake(): void {
    if (this.waiters.length === 0) return;
    const { waiters } = this;
    this.waiters = [];
    for (const resolve of waiters) resolve();
  }

  /** Drops what waits for a slot: takers were not started, claims get none. */
  clear(): void {
    for (const waiting of this.queue.clear()) if ('granted' in waiting) waiting.granted(0);
    this.waitingSlots = 0;
    this.whenQuiet?.();
    this.wake();
  }

  private get isFull(): boolean {
    return this.isHeld || this.taken + this.reserved >= this.limit;
  }

  private begin(taker: SlotTaker): void {
    this.taken++;
    taker.start();
  }

  private grant({ wanted, granted }: Claim): void {
    const slots = Math.min(wanted, this.limit - this.taken - this.reserved);
    this.reserved += slots;
    granted(slots);
  }

  private serve(): void {
    // A run that is over before `start` returns comes by here again: a loop, where a recursion could become as deep as the queue.
    if (this.isServing) return;
    this.isServing = true;
    try {
      while (!this.isFull && this.queue.length > 0) this.serveNext();
    } finally {
      this.isServing = false;
    }
    if (this.taken + this.reserved === 0) this.whenQuiet?.();
    if (this.free > 0) this.wake();
  }

  private serveNext(): void {
    const next = this.queue.shift();
    if (next === undefined) return;
    if ('granted' in next) {
      this.waitingSlots -= next.wanted;
      this.grant(next);
    } else {
      this.waitingSlots--;
      this.begin(next);
    }
  }
}
