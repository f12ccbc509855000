import { jest } from '@jest/globals';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { DeadlineWheel } from '../../../lib/timing/deadline-wheel.js';
import { SeededRandom } from '../support/random.js';

describe('DeadlineWheel', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  it('fires items that are due, never early and at most one granule and one timer late', () => {
    const random = new SeededRandom(6);
    const lateness: number[] = [];
    const wheel = new DeadlineWheel<number>((dueAt) => lateness.push(performance.now() - dueAt), 20);
    for (let i = 0; i < 500; i++) {
      const delay = random.next() * 3_000;
      wheel.add(performance.now() + delay, delay);
      if (i % 10 === 0) jest.advanceTimersByTime(random.integer(1, 50));
    }
    jest.advanceTimersByTime(4_000);
    expect(lateness).toHaveLength(500);
    expect(Math.min(...lateness)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...lateness)).toBeLessThanOrEqual(22);
  });

  it('fires each item once', () => {
    const fired: string[] = [];
    const wheel = new DeadlineWheel<string>((item) => fired.push(item));
    wheel.add('a', 10);
    wheel.add('b', 10);
    jest.advanceTimersByTime(10_000);
    expect(fired).toEqual(['a', 'b']);
  });

  it('fires earlier deadlines first, in any order of insertion', () => {
    const fired: number[] = [];
    const wheel = new DeadlineWheel<number>((item) => fired.push(item));
    for (const delay of [500, 100, 900, 300]) wheel.add(delay, delay);
    jest.advanceTimersByTime(1_000);
    expect(fired).toEqual([100, 300, 500, 900]);
  });

  it('forgets a cancelled deadline, and ignores a second cancel and a late one', () => {
    const fired: string[] = [];
    const wheel = new DeadlineWheel<string>((item) => fired.push(item));
    const kept = wheel.add('kept', 100);
    const cancelled = wheel.add('cancelled', 100);
    cancelled.cancel();
    cancelled.cancel();
    jest.advanceTimersByTime(200);
    kept.cancel();
    expect(fired).toEqual(['kept']);
  });

  it('accepts the same item twice and cancels only the one deadline', () => {
    const fired: string[] = [];
    const wheel = new DeadlineWheel<string>((item) => fired.push(item));
    wheel.add('a', 50);
    wheel.add('a', 50).cancel();
    jest.advanceTimersByTime(100);
    expect(fired).toEqual(['a']);
  });

  it('needs one timer for ten thousand deadlines, and none once they have fired', () => {
    let fired = 0;
    const wheel = new DeadlineWheel<number>(() => fired++);
    for (let i = 0; i < 10_000; i++) wheel.add(i, i % 700);
    expect(jest.getTimerCount()).toBe(1);
    jest.advanceTimersByTime(1_000);
    expect(fired).toBe(10_000);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('keeps no timer running where everything was cancelled', () => {
    const wheel = new DeadlineWheel<number>(() => undefined);
    for (let i = 0; i < 100; i++) wheel.add(i, 50 * i).cancel();
    jest.advanceTimersByTime(6_000);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('fires nothing after clear, and accepts new deadlines', () => {
    const fired: string[] = [];
    const wheel = new DeadlineWheel<string>((item) => fired.push(item));
    wheel.add('before', 50);
    wheel.clear();
    expect(jest.getTimerCount()).toBe(0);
    wheel.add('after', 50);
    jest.advanceTimersByTime(100);
    expect(fired).toEqual(['after']);
  });

  it('accepts new deadlines from the items that it fires, including those that are due at once', () => {
    const fired: number[] = [];
    const wheel: DeadlineWheel<number> = new DeadlineWheel((left) => {
      fired.push(left);
      if (left > 0) wheel.add(left - 1, 0);
    });
    wheel.add(3, 0);
    jest.advanceTimersByTime(200);
    expect(fired).toEqual([3, 2, 1, 0]);
  });

  it('fires the other deadlines of a tick where one throws, and throws the first error once', () => {
    const fired: string[] = [];
    const wheel = new DeadlineWheel<string>((item) => {
      fired.push(item);
      if (item.startsWith('broken')) throw new Error(item);
    });
    for (const item of ['a', 'broken 1', 'b', 'broken 2', 'c']) wheel.add(item, 10);
    wheel.add('later', 500);
    expect(() => jest.advanceTimersByTime(200)).toThrow('broken 1');
    expect(fired).toEqual(['a', 'broken 1', 'b', 'broken 2', 'c']);
    expect(() => jest.advanceTimersByTime(1_000)).not.toThrow();
    expect(fired).toEqual(['a', 'broken 1', 'b', 'broken 2', 'c', 'later']);
  });

  it('keeps deadlines that are added by an item that throws', () => {
    const fired: string[] = [];
    const wheel: DeadlineWheel<string> = new DeadlineWheel((item) => {
      fired.push(item);
      if (item === 'again') return;
      wheel.add('again', 50);
      throw new Error('oops');
    });
    wheel.add('broken', 10);
    expect(() => jest.advanceTimersByTime(40)).toThrow('oops');
    jest.advanceTimersByTime(200);
    expect(fired).toEqual(['broken', 'again']);
  });

  it('lets an item that fires cancel others of the same tick', () => {
    const fired: string[] = [];
    const wheel: DeadlineWheel<string> = new DeadlineWheel((item) => {
      fired.push(item);
      other.cancel();
    });
    wheel.add('first', 10);
    const other = wheel.add('other', 10);
    jest.advanceTimersByTime(100);
    expect(fired).toEqual(['first']);
  });

  it('keeps the remaining deadlines of a tick when others are cancelled', () => {
    const fired: string[] = [];
    const wheel = new DeadlineWheel<string>((item) => fired.push(item));
    const cancelled = wheel.add('cancelled', 100);
    cancelled.cancel();
    wheel.add('kept', 100);
    // The tick has a new bucket by now.
    cancelled.cancel();
    jest.advanceTimersByTime(200);
    expect(fired).toEqual(['kept']);
  });

  it('splits a wait that is too long for setTimeout', () => {
    const days30 = 30 * 24 * 3_600_000;
    const fired: string[] = [];
    const wheel = new DeadlineWheel<string>((item) => fired.push(item), 1_000);
    wheel.add('far', days30);
    jest.advanceTimersByTime(days30 - 1_000);
    expect(fired).toEqual([]);
    jest.advanceTimersByTime(3_000);
    expect(fired).toEqual(['far']);
  });
});

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

describe('DeadlineWheel in real time', () => {
  it('does not keep the process alive', () => {
    const timersOf = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timersOf();
    const wheel = new DeadlineWheel<string>(() => undefined);
    wheel.add('far', 60_000);
    expect(timersOf()).toBe(before);
    wheel.clear();
  });

  it('frees the memory of cancelled deadlines: a hundred thousand deadlines of a day leave nothing behind', () => {
    const dayMs = 24 * 3_600_000;
    const wheel = new DeadlineWheel<number>(() => undefined);
    const heapOf = (): number => {
      collectGarbage();
      return process.memoryUsage().heapUsed;
    };
    const rush = (count: number): void => {
      // A separate tick for each of them.
      for (let i = 0; i < count; i++) wheel.add(i, dayMs + i * 20).cancel();
    };
    rush(1_000);
    const before = heapOf();
    rush(100_000);
    expect(heapOf() - before).toBeLessThan(4_000_000);
    wheel.clear();
  });
});
