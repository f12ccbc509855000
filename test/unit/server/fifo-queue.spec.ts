import { FifoQueue } from '../../../lib/server/running/fifo-queue.js';
import { SeededRandom } from '../support/random.js';

describe('FifoQueue', () => {
  it('returns the oldest item, and nothing where nothing waits', () => {
    const line = new FifoQueue<string>();
    expect(line.shift()).toBeUndefined();
    line.push('a');
    line.push('b');
    expect([line.length, line.shift(), line.shift(), line.shift(), line.length]).toEqual([2, 'a', 'b', undefined, 0]);
  });

  it('returns all remaining items at once', () => {
    const line = new FifoQueue<number>();
    for (let i = 0; i < 4; i++) line.push(i);
    line.shift();
    expect(line.clear()).toEqual([1, 2, 3]);
    expect(line.length).toBe(0);
    line.push(9);
    expect(line.shift()).toBe(9);
  });

  it('keeps the order over random pushes and shifts', () => {
    const random = new SeededRandom(11);
    const line = new FifoQueue<number>();
    let pushed = 0;
    let taken = 0;
    for (let round = 0; round < 200; round++) {
      for (let left = random.integer(0, 3_000); left > 0; left--) line.push(pushed++);
      const wrong: unknown[] = [];
      for (let left = random.integer(0, 3_000); left > 0 && line.length > 0; left--) {
        const item = line.shift();
        if (item !== taken++) wrong.push([item, taken - 1]);
      }
      expect(wrong).toEqual([]);
      expect(line.length).toBe(pushed - taken);
    }
  });

  it('shifts a million items in less than two seconds', () => {
    const line = new FifoQueue<number>();
    for (let i = 0; i < 1_000_000; i++) line.push(i);
    const begun = performance.now();
    while (line.length > 0) line.shift();
    expect(performance.now() - begun).toBeLessThan(2_000);
  });
});
