import { ConcurrencyGate } from '../../../lib/server/running/concurrency-gate.js';
import type { SlotTaker } from '../../../lib/server/running/concurrency-gate.js';
import { SeededRandom } from '../support/random.js';

/** Whether a promise has settled once all that is due now has run. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  void promise.then(() => (settled = true));
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

const taker = (start: () => void): SlotTaker => ({ start });
const nothing = taker(() => undefined);

describe('ConcurrencyGate', () => {
  it('has as many slots as it was given, and counts them down and up', () => {
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

  it('starts at once while there is a slot, else when one is left, first come first served', () => {
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

  it('gives a free slot to one who waits to start before any read may ask for it', async () => {
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

  it('lets a read go ahead at once while there is a slot', async () => {
    expect(await isSettled(new ConcurrencyGate(1).available())).toBe(true);
  });

  it('lets all who wait look again at wake, slots or not', async () => {
    const gate = new ConcurrencyGate(1);
    gate.enter(nothing);
    const both = Promise.all([gate.available(), gate.available()]);
    gate.wake();
    expect(await isSettled(both)).toBe(true);
    expect(gate.free).toBe(0);
  });

  it('drops those who were not started, and lets reads look again', async () => {
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

  it('bears one who leaves while it starts', () => {
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

  it('starts any number of those who leave at once one after the other, not one within the other', () => {
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
    gate.leave();
    expect(runs).toBe(100_000);
    expect(gate.free).toBe(1);
  });

  it('keeps its count when one throws as it starts', () => {
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

  it('never runs more than its limit and forgets nobody, over random comings and goings', () => {
    const random = new SeededRandom(7);
    const gate = new ConcurrencyGate(8);
    let running = 0;
    let started = 0;
    for (let round = 0; round < 5_000; round++) {
      if (random.next() < 0.55) {
        gate.enter(
          taker(() => {
            running++;
            started++;
            expect(running).toBeLessThanOrEqual(8);
          }),
        );
      } else if (running > 0) {
        running--;
        gate.leave();
      }
      expect(gate.free).toBe(8 - running);
    }
    expect(started).toBeGreaterThan(2_000);
  });
});
