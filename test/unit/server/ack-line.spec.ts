import { jest } from '@jest/globals';
import type { HeldEntry } from '../../../lib/server/holding/held-entry.js';
import { AckLine, MAX_IDS_PER_ACK } from '../../../lib/server/settling/ack-line.js';
import { groupStreamOf, settlingIn } from './support/entries.js';

describe('AckLine', () => {
  let line: AckLine;
  const add = (count: number, ms = 1): HeldEntry[] =>
    Array.from({ length: count }, (_, i) => {
      const entry = settlingIn(line.groupStream, `${ms}-${i}`);
      line.add(entry);
      return entry;
    });

  beforeEach(() => {
    line = new AckLine(groupStreamOf());
  });

  it('returns the entries for one ack command, oldest first, and keeps the rest', () => {
    const entries = add(MAX_IDS_PER_ACK * 2 + 1);
    expect(line.take()).toEqual(entries.slice(0, MAX_IDS_PER_ACK));
    expect(line.length).toBe(MAX_IDS_PER_ACK + 1);
    expect(line.take()).toEqual(entries.slice(MAX_IDS_PER_ACK, -1));
    expect(line.take()).toEqual(entries.slice(-1));
    expect([line.length, line.take()]).toEqual([0, []]);
  });

  it('puts entries that were not acked back before newer ones, and loses none', () => {
    const entries = add(MAX_IDS_PER_ACK + 2);
    const taken = line.take();
    const newer = add(1, 2);
    line.putBack(taken, 0);
    expect(line.length).toBe(MAX_IDS_PER_ACK + 3);
    expect([...line.take(), ...line.take()]).toEqual([...entries, ...newer]);
  });

  it('never returns the list that new entries are added to', () => {
    const [first] = add(1);
    const taken = line.take();
    add(1, 2);
    expect(taken).toEqual([first]);
  });

  it('pauses for the given time after a refusal, or until it is resumed', () => {
    jest.useFakeTimers();
    expect(line.isPaused).toBe(false);
    line.putBack(add(1), 250);
    jest.advanceTimersByTime(249);
    expect(line.isPaused).toBe(true);
    jest.advanceTimersByTime(1);
    expect(line.isPaused).toBe(false);
    line.putBack(line.take(), 5_000);
    expect(line.isPaused).toBe(true);
    line.resume();
    expect(line.isPaused).toBe(false);
    jest.useRealTimers();
  });
});
