import { FifoQueue } from './fifo-queue.js';

/** A run that takes a slot. */
export interface SlotTaker {
  /** Called once, with the slot taken. The taker gives it back with `leave()`. */
  start(): void;
}

interface Claim {
  readonly wanted: number;
  readonly granted: (slots: number) => void;
}

/**
 * The slots of a lane. It is not a work queue: `free` is how many entries the next read may ask for. Slots go to:
 *
 * - takers, which already have their entry: retries, and entries that a read returned beyond the free slots;
 * - claims, which ask for slots before they take over entries of a dead consumer;
 * - reads, which ask for new entries. They get what takers and claims, in order of arrival, leave over.
 */
export class ConcurrencyGate {
  private taken = 0;
  /** Granted to claims in flight. */
  private reserved = 0;
  /** Asked for by non-blocking reads in flight. Takers and claims do not wait for them: a read may return nothing. */
  private asked = 0;
  private isHeld = false;
  private isServing = false;
  private readonly queue = new FifoQueue<SlotTaker | Claim>();
  private waitingSlots = 0;
  private waiters: (() => void)[] = [];
  private whenQuiet: (() => void) | undefined;

  constructor(readonly limit: number) {}

  /** Slots for the next read: those not taken, reserved, asked for or waited for. */
  get free(): number {
    if (this.isHeld) return 0;
    return Math.max(0, this.limit - this.taken - this.reserved - this.asked - this.waitingSlots);
  }

  /** Whether no slot is taken, reserved, asked for or waited for. */
  get isIdle(): boolean {
    return !this.isHeld && this.free === this.limit;
  }

  /** Starts `taker` with a slot: now, or ahead of any read once one is free. */
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

  /** Resolves with 1 to `wanted` slots, ahead of any read, or with 0 when the server stops. `use` gives them back. */
  claim(wanted: number): Promise<number> {
    return new Promise((granted) => {
      // No claim can get more slots than exist.
      const claim = { wanted: Math.min(wanted, this.limit), granted };
      if (this.isFull) {
        this.queue.push(claim);
        this.waitingSlots += claim.wanted;
      } else this.grant(claim);
    });
  }

  /** Ends a claim: its slots go to these takers, the rest of them to others. */
  use(granted: number, takers: readonly SlotTaker[]): void {
    this.reserved -= granted;
    for (const taker of takers) this.enter(taker);
    this.serve();
  }

  /** A read for `count` entries is in flight. */
  ask(count: number): void {
    this.asked += count;
  }

  answered(count: number): void {
    this.asked -= count;
    if (this.free > 0) this.wake();
  }

  /**
   * Lets nothing new start, and resolves when nothing runs, or after `patienceMs`. Then `enterHeld` starts the taker
   * that has to run alone, and `release` lets the others go on.
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

  /** Drops everything that waits for a slot: takers do not start, claims get 0 slots. */
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
    // A run that ends inside `start` calls this again. A loop, because recursion could become as deep as the queue.
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
