import { jest } from '@jest/globals';
import { ThrottledLog } from '../../../lib/server/throttled-log.js';

describe('ThrottledLog', () => {
  let lines: string[];
  let log: ThrottledLog;

  beforeEach(() => {
    jest.useFakeTimers();
    lines = [];
    log = new ThrottledLog((line) => lines.push(line));
  });
  afterEach(() => jest.useRealTimers());

  it('writes the first line of a key at once, and no other within ten seconds', () => {
    log.warn('a', 'one');
    log.warn('a', 'two');
    jest.advanceTimersByTime(9_999);
    log.warn('a', 'three');
    expect(lines).toEqual(['one']);
  });

  it('adds the number of skipped lines to the next line, then counts from zero again', () => {
    for (let i = 0; i < 40_000; i++) log.warn('a', `line ${i}`);
    jest.advanceTimersByTime(10_000);
    log.warn('a', 'next');
    jest.advanceTimersByTime(10_000);
    log.warn('a', 'last');
    expect(lines).toEqual(['line 0', 'next (and 39999 more since the last line)', 'last']);
  });

  it('writes the first line of other keys', () => {
    log.warn('a', 'one');
    log.warn('b', 'two');
    log.warn('__proto__', 'three');
    expect(lines).toEqual(['one', 'two', 'three']);
  });

  it('keeps no timer', () => {
    log.warn('a', 'one');
    log.warn('a', 'two');
    expect(jest.getTimerCount()).toBe(0);
  });
});
