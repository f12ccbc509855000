import type { HeldEntry } from '../../../lib/server/holding/held-entry.js';
import { SeededRandom } from '../support/random.js';
import { groupStreamOf, quietRun, routeOf, runningIn, settlingIn, takenFrom } from './support/entries.js';

describe('GroupStream', () => {
  it('holds an entry once, and again after its release', () => {
    const groupStream = groupStreamOf();
    const entry = takenFrom(groupStream, '1-0');
    expect(groupStream.hold('1-0', 2, ['data', '8'])).toBeUndefined();
    expect([[...groupStream.entries].length, groupStream.holds('1-0')]).toEqual([1, true]);
    entry.release();
    expect([[...groupStream.entries].length, groupStream.holds('1-0')]).toEqual([0, false]);
    expect(takenFrom(groupStream, '1-0')).not.toBe(entry);
  });

  it('keeps an entry that was taken again when its predecessor with the same id is released twice', () => {
    const groupStream = groupStreamOf();
    const entry = takenFrom(groupStream, '1-0');
    entry.release();
    takenFrom(groupStream, '1-0');
    entry.release();
    groupStream.forget(entry);
    expect(groupStream.holds('1-0')).toBe(true);
  });

  it('finds its entries by phase', () => {
    const groupStream = groupStreamOf();
    const taken = takenFrom(groupStream, '1-0');
    const running = runningIn(groupStream, '2-0');
    const settling = settlingIn(groupStream, '3-0');
    expect(groupStream.inPhase('running')).toEqual([running]);
    expect(groupStream.inPhase('taken', 'settling')).toEqual([taken, settling]);
    expect(groupStream.inPhase('waiting')).toEqual([]);
    expect([...groupStream.entries]).toEqual([taken, running, settling]);
  });

  it('counts as backlog the entries that wait for an attempt or for settlement, not those that hold or want a slot', () => {
    const groupStream = groupStreamOf();
    const entry = takenFrom(groupStream, '1-0');
    const backlogAfter = (step: () => void): number => {
      step();
      return groupStream.backlog;
    };
    expect(groupStream.backlog).toBe(0);
    expect(backlogAfter(() => entry.queue())).toBe(0);
    expect(backlogAfter(() => entry.run(quietRun))).toBe(0);
    expect(backlogAfter(() => entry.wait())).toBe(1);
    expect(backlogAfter(() => entry.queue())).toBe(0);
    expect(backlogAfter(() => entry.run(quietRun))).toBe(0);
    expect(backlogAfter(() => entry.settle())).toBe(1);
    expect(backlogAfter(() => entry.release())).toBe(0);
  });

  it('removes a lost entry from the backlog, whatever it waited for', () => {
    const groupStream = groupStreamOf();
    const waiting = runningIn(groupStream, '1-0');
    waiting.wait();
    const settling = settlingIn(groupStream, '2-0');
    expect(groupStream.backlog).toBe(2);
    waiting.lose(new Error('lost'));
    settling.lose(new Error('lost'));
    expect([groupStream.backlog, [...groupStream.entries].length]).toEqual([0, 0]);
  });

  it('counts correctly over random transitions of many entries', () => {
    const random = new SeededRandom(12);
    const groupStream = groupStreamOf();
    const steps: ((entry: HeldEntry) => void)[] = [
      (entry) => entry.queue(),
      (entry) => entry.run({ ...quietRun, abandon: () => random.next() < 0.5 }),
      (entry) => entry.wait(),
      (entry) => entry.settle(),
      (entry) => entry.lose(new Error('lost')),
      (entry) => entry.release(),
    ];
    const wrong: unknown[] = [];
    for (let round = 0; round < 5_000; round++) {
      const entries = [...groupStream.entries];
      if (entries.length < 20) takenFrom(groupStream, `${round}-0`);
      const entry = entries[random.integer(0, entries.length - 1)];
      try {
        if (entry) steps[random.integer(0, steps.length - 1)]?.(entry);
      } catch {
        // An illegal transition must change nothing.
      }
      const backlog = groupStream.inPhase('waiting', 'settling').length;
      if (groupStream.backlog !== backlog) wrong.push([round, groupStream.backlog, backlog]);
    }
    expect(wrong).toEqual([]);
    for (const entry of groupStream.entries) entry.release();
    expect([groupStream.backlog, [...groupStream.entries].length]).toEqual([0, 0]);
  });

  it('starts a group where its handler says, and recreates one that it has joined before from the oldest entry', () => {
    const groupStream = groupStreamOf('app:sum', routeOf({ extras: { startFrom: '$' } }));
    expect(groupStream.startFrom).toBe('$');
    groupStream.joined();
    expect(groupStream.startFrom).toBe('0');
  });

  it('is unusable for the given time after Redis refused it, or until its group exists', () => {
    const groupStream = groupStreamOf();
    expect(groupStream.isUsable).toBe(true);
    groupStream.refusedFor(60_000);
    expect(groupStream.isUsable).toBe(false);
    groupStream.joined();
    expect(groupStream.isUsable).toBe(true);
    groupStream.refusedFor(-1);
    expect(groupStream.isUsable).toBe(true);
  });

  it('counts the entries settled since the last call', () => {
    const groupStream = groupStreamOf();
    groupStream.countSettled(2);
    groupStream.countSettled(3);
    expect([groupStream.settledSinceTrim, groupStream.takeSettledCount(), groupStream.settledSinceTrim]).toEqual([
      5, 5, 0,
    ]);
  });

  it('names its dead-letter stream and its shape so that they share the cluster slot of the stream', () => {
    expect(groupStreamOf('app:sum')).toMatchObject({ deadLetterStream: '{app:sum}:dead', shape: '{app:sum}:shape' });
    expect(groupStreamOf('{app}:sum')).toMatchObject({ deadLetterStream: '{app}:sum:dead', shape: '{app}:sum:shape' });
  });
});
