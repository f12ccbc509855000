import { ConcurrencyGate } from '../../../lib/server/running/concurrency-gate.js';
import type { SlotTaker } from '../../../lib/server/running/concurrency-gate.js';
import { SeededRandom } from '../support/random.js';

/** Whether a promise has settled once all callbacks that are due have run. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  void promise.then(() => (settled = true));
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

const taker = (start: () => void): SlotTaker => ({ start });
const nothing = taker(() => undefined);

describe('ConcurrencyGate', () => {
  it('has the given number of slots, and counts them down and up', () => {
    const gate = new ConcurrencyGate(2);
    expect(gate.free).toBe(2);
    gate.enter(nothing);
    expect(gate.free).toBe(1);
    gate.enter(nothing);
    expect(gate.free).toBe(0);
    gate.leave();
    gate.leave();
    expect(gate.free).toBe(2);
  });

  it('starts a taker at once while a slot is free, or else in order of arrival as slots become free', () => {
    const gate = new ConcurrencyGate(1);
    const started: string[] = [];
    for (const name of ['a', 'b', 'c']) gate.enter(taker(() => started.push(name)));
    expect(started).toEqual(['a']);
    gate.leave();
    expect(started).toEqual(['a', 'b']);
    gate.leave();
    expect(started).toEqual(['a', 'b', 'c']);
    expect(gate.free).toBe(0);
    gate.leave();
    expect(gate.free).toBe(1);
  });

  it('gives a free slot to a waiting taker before any read', async () => {
    const gate = new ConcurrencyGate(1);
    gate.enter(nothing);
    gate.enter(nothing);
    const read = gate.available();
    gate.leave();
    expect(gate.free).toBe(0);
    expect(await isSettled(read)).toBe(false);
    gate.leave();
    expect(await isSettled(read)).toBe(true);
  });

  it('lets a read proceed at once while a slot is free', async () => {
    expect(await isSettled(new ConcurrencyGate(1).available())).toBe(true);
  });

  it('lets all waiting reads check again on wake, even without a free slot', async () => {
    const gate = new ConcurrencyGate(1);
    gate.enter(nothing);
    const both = Promise.all([gate.available(), gate.available()]);
    gate.wake();
    expect(await isSettled(both)).toBe(true);
    expect(gate.free).toBe(0);
  });

  it('drops takers that did not start, and lets reads check again', async () => {
    const gate = new ConcurrencyGate(1);
    const started: string[] = [];
    gate.enter(taker(() => started.push('a')));
    gate.enter(taker(() => started.push('b')));
    const read = gate.available();
    gate.clear();
    expect(await isSettled(read)).toBe(true);
    gate.leave();
    expect(started).toEqual(['a']);
    expect(gate.free).toBe(1);
  });

  it('accepts takers that leave while they start', () => {
    const gate = new ConcurrencyGate(1);
    let runs = 0;
    for (let i = 0; i < 1_000; i++) {
      gate.enter(
        taker(() => {
          runs++;
          gate.leave();
        }),
      );
    }
    expect(runs).toBe(1_000);
    expect(gate.free).toBe(1);
  });

  it('starts any number of takers that leave at once in sequence, not nested', () => {
    const gate = new ConcurrencyGate(1);
    let runs = 0;
    gate.enter(nothing);
    for (let i = 0; i < 100_000; i++) {
      gate.enter(
        taker(() => {
          runs++;
          gate.leave();
        }),
      );
    }
    const begun = performance.now();
    gate.leave();
    expect(runs).toBe(100_000);
    // A queue that shifts by one for each of them takes many seconds.
    expect(performance.now() - begun).toBeLessThan(2_000);
    expect(gate.free).toBe(1);
  });

  it('keeps its count when a taker throws as it starts', () => {
    const gate = new ConcurrencyGate(1);
    gate.enter(nothing);
    gate.enter(
      taker(() => {
        throw new Error('broken');
      }),
    );
    gate.enter(nothing);
    expect(() => gate.leave()).toThrow('broken');
    gate.leave();
    expect(gate.free).toBe(0);
    gate.leave();
    expect(gate.free).toBe(1);
  });
});

describe('ConcurrencyGate with claims', () => {
  it('grants free slots at once, and no more than requested', async () => {
    const gate = new ConcurrencyGate(8);
    expect(await gate.claim(3)).toBe(3);
    expect(gate.free).toBe(5);
    expect(await gate.claim(9)).toBe(5);
    expect(gate.free).toBe(0);
  });

  it('gives a slot that becomes free to a claim before a read, however long the read has waited', async () => {
    const gate = new ConcurrencyGate(1);
    gate.enter(nothing);
    const read = gate.available();
    const claim = gate.claim(1);
    gate.leave();
    expect(await claim).toBe(1);
    expect(await isSettled(read)).toBe(false);
    gate.use(1, []);
    expect(await isSettled(read)).toBe(true);
  });

  it('gives the first slot that becomes free to a waiting claim, and only the next one to reads', async () => {
    const gate = new ConcurrencyGate(4);
    for (let i = 0; i < 4; i++) gate.enter(nothing);
    const claim = gate.claim(3);
    gate.leave();
    expect(await claim).toBe(1);
    gate.leave();
    expect(gate.free).toBe(1);
  });

  it('does not make a claim wait for more slots than it has', async () => {
    const gate = new ConcurrencyGate(2);
    gate.enter(nothing);
    gate.enter(nothing);
    const claim = gate.claim(1_000);
    gate.leave();
    expect(await claim).toBe(1);
    gate.leave();
    gate.use(1, []);
    expect(gate.free).toBe(2);
  });

  it('serves claims and takers in order of arrival', async () => {
    const gate = new ConcurrencyGate(1);
    const order: string[] = [];
    const claim = (name: string): void =>
      void gate.claim(1).then((slots) => {
        order.push(name);
        gate.use(slots, [taker(() => undefined)]);
      });
    gate.enter(nothing);
    claim('claim 1');
    gate.enter(taker(() => order.push('taker 1')));
    claim('claim 2');
    gate.enter(taker(() => order.push('taker 2')));
    for (let i = 0; i < 4; i++) {
      gate.leave();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(order).toEqual(['claim 1', 'taker 1', 'claim 2', 'taker 2']);
  });

  it('gives claimed slots to the takers of the claim before waiting takers', async () => {
    const gate = new ConcurrencyGate(2);
    const order: string[] = [];
    const slots = await gate.claim(2);
    gate.enter(taker(() => order.push('waits')));
    gate.use(
      slots,
      ['a', 'b'].map((name) => taker(() => order.push(name))),
    );
    expect(order).toEqual(['a', 'b']);
    gate.leave();
    expect(order).toEqual(['a', 'b', 'waits']);
  });

  it('gives unused slots of a claim to waiting takers, then to reads', async () => {
    const gate = new ConcurrencyGate(3);
    let started = 0;
    const slots = await gate.claim(3);
    gate.enter(taker(() => started++));
    const read = gate.available();
    gate.use(slots, [taker(() => started++)]);
    expect(started).toBe(2);
    expect(gate.free).toBe(1);
    expect(await isSettled(read)).toBe(true);
  });

  it('never exceeds its limit when a claim brings more takers than slots', async () => {
    const gate = new ConcurrencyGate(2);
    let started = 0;
    const slots = await gate.claim(1);
    gate.use(
      slots,
      [1, 2, 3].map(() => taker(() => started++)),
    );
    expect(started).toBe(2);
    gate.leave();
    expect(started).toBe(3);
  });

  it('grants 0 to waiting claims when it is cleared, and keeps earlier grants', async () => {
    const gate = new ConcurrencyGate(1);
    const granted = await gate.claim(1);
    const waiting = [gate.claim(1), gate.claim(1)];
    gate.clear();
    expect(await Promise.all(waiting)).toEqual([0, 0]);
    expect(gate.free).toBe(0);
    gate.use(granted, []);
    expect(gate.free).toBe(1);
    expect(gate.isIdle).toBe(true);
  });
});

describe('ConcurrencyGate with reads in progress', () => {
  it('does not offer a second read the slots that the first asked for', async () => {
    const gate = new ConcurrencyGate(4);
    gate.ask(3);
    expect(gate.free).toBe(1);
    gate.ask(2);
    expect(gate.free).toBe(0);
    const read = gate.available();
    gate.answered(3);
    expect(await isSettled(read)).toBe(true);
    expect(gate.free).toBe(2);
    expect(gate.isIdle).toBe(false);
    gate.answered(2);
    expect(gate.isIdle).toBe(true);
  });

  it('lets takers and claims use slots that a read asked for, since the read may bring nothing', async () => {
    const gate = new ConcurrencyGate(2);
    let started = 0;
    gate.ask(2);
    gate.enter(taker(() => started++));
    expect(await gate.claim(5)).toBe(1);
    expect(started).toBe(1);
    expect(gate.free).toBe(0);
  });

  it('makes the entries of a read wait where a claim was faster', async () => {
    const gate = new ConcurrencyGate(1);
    let started = 0;
    gate.ask(1);
    const slots = await gate.claim(1);
    gate.answered(1);
    gate.enter(taker(() => started++));
    expect(started).toBe(0);
    gate.use(slots, []);
    expect(started).toBe(1);
  });
});

describe('ConcurrencyGate that is held', () => {
  it('resolves the hold at once where nothing runs', async () => {
    const gate = new ConcurrencyGate(2);
    expect(await isSettled(gate.hold(60_000))).toBe(true);
    expect([gate.free, gate.isIdle]).toEqual([0, false]);
  });

  it('starts nothing new, and resolves the hold when the last run ends', async () => {
    const gate = new ConcurrencyGate(3);
    let started = 0;
    gate.enter(nothing);
    gate.enter(nothing);
    const held = gate.hold(60_000);
    gate.enter(taker(() => started++));
    const claim = gate.claim(1);
    const read = gate.available();
    gate.leave();
    expect(await isSettled(held)).toBe(false);
    gate.leave();
    expect(await isSettled(held)).toBe(true);
    expect([started, await isSettled(claim), await isSettled(read)]).toEqual([0, false, false]);
  });

  it('waits for claims in progress', async () => {
    const gate = new ConcurrencyGate(2);
    let started = 0;
    const slots = await gate.claim(1);
    const held = gate.hold(60_000);
    expect(await isSettled(held)).toBe(false);
    gate.use(slots, [taker(() => started++)]);
    expect(await isSettled(held)).toBe(true);
    expect(started).toBe(0);
    gate.release();
    expect(started).toBe(1);
  });

  it('runs the held taker alone, then lets the others continue in order', async () => {
    const gate = new ConcurrencyGate(2);
    const order: string[] = [];
    await gate.hold(60_000);
    gate.enter(taker(() => order.push('waits')));
    const claim = gate.claim(1);
    const read = gate.available();
    gate.enterHeld(taker(() => order.push('alone')));
    expect(order).toEqual(['alone']);
    gate.leave();
    gate.release();
    expect(order).toEqual(['alone', 'waits']);
    expect(await claim).toBe(1);
    gate.use(1, []);
    expect(await isSettled(read)).toBe(true);
  });

  it('waits for running takers no longer than the given time', async () => {
    const gate = new ConcurrencyGate(1);
    let started = 0;
    gate.enter(nothing);
    await gate.hold(10);
    gate.enterHeld(taker(() => started++));
    expect(started).toBe(1);
    gate.enter(taker(() => started++));
    gate.release();
    // One more than the limit already runs: the next taker waits for both.
    gate.leave();
    expect(started).toBe(1);
    gate.leave();
    expect(started).toBe(2);
  });

  it('clears its timer when nothing runs any more', async () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    const gate = new ConcurrencyGate(1);
    gate.enter(nothing);
    const held = gate.hold(60_000);
    expect(timers()).toBe(before + 1);
    gate.leave();
    await held;
    expect(timers()).toBe(before);
  });

  it('stops waiting when it is cleared', async () => {
    const gate = new ConcurrencyGate(1);
    gate.enter(nothing);
    const held = gate.hold(60_000);
    gate.clear();
    expect(await isSettled(held)).toBe(true);
    gate.leave();
    gate.release();
    expect(gate.isIdle).toBe(true);
  });

  it('starts any number of short takers after its release, in sequence', async () => {
    const gate = new ConcurrencyGate(1);
    let runs = 0;
    await gate.hold(60_000);
    for (let i = 0; i < 100_000; i++) {
      gate.enter(
        taker(() => {
          runs++;
          gate.leave();
        }),
      );
    }
    gate.release();
    expect(runs).toBe(100_000);
    expect(gate.isIdle).toBe(true);
  });
});

/** Drives a gate at random, and keeps its own count of everything. */
class Traffic {
  running = 0;
  started = 0;
  entered = 0;
  reserved = 0;
  asked = 0;
  isHeld = false;
  private isQuiet = false;
  readonly starts: number[] = [];
  private readonly grants: number[] = [];
  private claiming = 0;

  constructor(
    readonly gate: ConcurrencyGate,
    private readonly random: SeededRandom,
  ) {}

  async step(): Promise<void> {
    const { random } = this;
    const steps = [
      () => this.enter(),
      () => this.enter(),
      () => this.leave(),
      () => this.leave(),
      () => this.claim(random.integer(1, 12)),
      () => this.use(),
      () => this.ask(),
      () => this.answered(),
      () => this.hold(),
    ];
    steps[random.integer(0, steps.length - 1)]?.();
    // Grants arrive as promises.
    await Promise.resolve();
    await Promise.resolve();
  }

  /** Runs everything to its end. */
  async finish(): Promise<void> {
    for (let left = 100_000; left > 0 && !this.isFinished; left--) {
      this.leave();
      this.use();
      if (this.isHeld) this.hold();
      await Promise.resolve();
      await Promise.resolve();
    }
    this.gate.answered(this.asked);
    this.asked = 0;
  }

  private get isFinished(): boolean {
    return !this.isHeld && this.running + this.claiming + this.grants.length === 0;
  }

  private taker(): SlotTaker {
    const number = this.entered++;
    return taker(() => {
      this.starts.push(number);
      this.started++;
      this.running++;
    });
  }

  private enter(): void {
    this.gate.enter(this.taker());
  }

  private leave(): void {
    if (this.running === 0) return;
    this.running--;
    this.gate.leave();
  }

  private claim(wanted: number): void {
    if (this.claiming > 5) return;
    this.claiming++;
    void this.gate.claim(wanted).then((slots) => {
      expect(slots).toBeGreaterThanOrEqual(1);
      expect(slots).toBeLessThanOrEqual(wanted);
      this.claiming--;
      this.reserved += slots;
      this.grants.push(slots);
    });
  }

  private use(): void {
    const slots = this.grants.shift();
    if (slots === undefined) return;
    this.reserved -= slots;
    const takers = Array.from({ length: this.random.integer(0, slots) }, () => this.taker());
    this.gate.use(slots, takers);
  }

  private ask(): void {
    const { free } = this.gate;
    if (free === 0) return;
    const count = this.random.integer(1, free);
    this.asked += count;
    this.gate.ask(count);
  }

  private answered(): void {
    if (this.asked === 0) return;
    const count = this.random.integer(1, this.asked);
    this.asked -= count;
    this.gate.answered(count);
  }

  /** Holds the gate, runs a taker alone once nothing else runs, or releases the gate. */
  private hold(): void {
    if (!this.isHeld) {
      this.isHeld = true;
      void this.gate.hold(60_000).then(() => (this.isQuiet = true));
    } else if (this.isQuiet) {
      if (this.running === 0 && this.random.next() < 0.5) this.gate.enterHeld(this.taker());
      else this.release();
    }
  }

  private release(): void {
    this.isHeld = false;
    this.isQuiet = false;
    this.gate.release();
  }
}

describe('ConcurrencyGate under random traffic', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])('never runs more than its limit and loses no taker (seed %i)', async (seed) => {
    const random = new SeededRandom(seed);
    const limit = random.integer(1, 12);
    const gate = new ConcurrencyGate(limit);
    const traffic = new Traffic(gate, random);
    const offences: string[] = [];
    for (let round = 0; round < 4_000; round++) {
      await traffic.step();
      const { running, reserved, asked, isHeld } = traffic;
      if (running + reserved > limit) offences.push(`${running} run and ${reserved} are claimed in round ${round}`);
      const most = isHeld ? 0 : Math.max(0, limit - running - reserved - asked);
      if (gate.free > most) offences.push(`${gate.free} instead of ${most} are free in round ${round}`);
    }
    await traffic.finish();
    expect(offences).toEqual([]);
    expect(traffic.started).toBe(traffic.entered);
    expect(traffic.started).toBeGreaterThan(200);
    expect(new Set(traffic.starts).size).toBe(traffic.started);
    expect([gate.free, gate.isIdle]).toEqual([limit, true]);
  });
});
