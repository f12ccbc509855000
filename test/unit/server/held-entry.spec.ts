import type { EntryPhase, HeldEntry } from '../../../lib/server/holding/held-entry.js';
import type { GroupStream } from '../../../lib/server/holding/group-stream.js';
import { groupStreamOf, quietRun, takenFrom } from './support/entries.js';

const lost = new Error('another consumer has it');

/** The steps that lead from `taken` to each phase. */
const WAY: Record<EntryPhase, (entry: HeldEntry) => void> = {
  taken: () => undefined,
  queued: (entry) => entry.queue(),
  running: (entry) => {
    entry.queue();
    entry.run(quietRun);
  },
  waiting: (entry) => {
    WAY.running(entry);
    entry.wait();
  },
  settling: (entry) => {
    WAY.running(entry);
    entry.settle();
  },
  lost: (entry) => {
    entry.queue();
    entry.run({ ...quietRun, abandon: () => false });
    entry.lose(lost);
  },
  released: (entry) => entry.release(),
};

/** The step into each phase. */
const STEP: Partial<Record<EntryPhase, (entry: HeldEntry) => void>> = {
  queued: (entry) => entry.queue(),
  running: (entry) => entry.run(quietRun),
  waiting: (entry) => entry.wait(),
  settling: (entry) => entry.settle(),
  lost: (entry) => entry.lose(lost),
  released: (entry) => entry.release(),
};

const LEGAL: Record<EntryPhase, readonly EntryPhase[]> = {
  taken: ['queued', 'waiting', 'settling', 'lost', 'released'],
  queued: ['running', 'lost', 'released'],
  running: ['waiting', 'settling', 'lost', 'released'],
  waiting: ['queued', 'lost', 'released'],
  settling: ['lost', 'released'],
  lost: ['released'],
  // A second release is harmless: an ack and a lost lease may both cause one.
  released: ['released'],
};

const phases = Object.keys(WAY) as EntryPhase[];
const pairs = phases.flatMap((from) => (Object.keys(STEP) as EntryPhase[]).map((to) => [from, to] as const));
const legal = pairs.filter(([from, to]) => LEGAL[from].includes(to));
const illegal = pairs.filter(([from, to]) => !LEGAL[from].includes(to));

describe('HeldEntry', () => {
  let groupStream: GroupStream;
  let entry: HeldEntry;

  beforeEach(() => {
    groupStream = groupStreamOf();
    entry = takenFrom(groupStream, '7-1');
  });

  describe('in its phases', () => {
    it.each(legal)('goes from %s to %s', (from, to) => {
      WAY[from](entry);
      expect(entry.phase).toBe(from);
      STEP[to]?.(entry);
      // A quiet run leaves nothing running, so a lost entry is released at once.
      expect(entry.phase).toBe(to === 'lost' ? 'released' : to);
    });

    it.each(illegal)('refuses to go from %s to %s, and names the entry, its stream and both phases', (from, to) => {
      WAY[from](entry);
      expect(() => STEP[to]?.(entry)).toThrow(new Error(`Entry 7-1 of "app:sum" cannot be ${to} after ${from}`));
      expect(entry.phase).toBe(from);
    });

    it('is held until it is released, and its result counts until it is lost', () => {
      for (const phase of phases) {
        const other = takenFrom(groupStream, `8-${phases.indexOf(phase)}`);
        WAY[phase](other);
        expect([phase, groupStream.holds(other.id)]).toEqual([phase, phase !== 'released']);
        expect([phase, other.isOurs]).toEqual([phase, phase !== 'released' && phase !== 'lost']);
      }
    });
  });

  describe('that is lost', () => {
    it('is released at once where no handler runs', () => {
      entry.queue();
      entry.lose(lost);
      expect([entry.phase, groupStream.holds('7-1')]).toEqual(['released', false]);
    });

    it('gives its run the reason', () => {
      const reasons: Error[] = [];
      entry.queue();
      entry.run({
        ...quietRun,
        abandon: (reason) => {
          reasons.push(reason);
          return true;
        },
      });
      entry.lose(lost);
      expect(reasons).toEqual([lost]);
      expect(entry.phase).toBe('released');
    });

    it('stays held while its run is not quiet, so that it cannot run beside itself', () => {
      WAY.lost(entry);
      expect([entry.phase, entry.isOurs]).toEqual(['lost', false]);
      expect(groupStream.hold('7-1', 2, ['data', '7'])).toBeUndefined();
      entry.release();
      expect(groupStream.hold('7-1', 2, ['data', '7'])).toMatchObject({ phase: 'taken', attempt: 2 });
    });

    it('allows a run to release it while it is being abandoned', () => {
      entry.queue();
      entry.run({
        ...quietRun,
        abandon: () => {
          entry.release();
          return true;
        },
      });
      entry.lose(lost);
      expect(entry.phase).toBe('released');
    });
  });

  describe('and its listeners', () => {
    it.each<[string, () => void]>([
      ['is released', () => entry.release()],
      ['is lost', () => entry.lose(lost)],
    ])('calls back once when it %s', (_how, end) => {
      let calls = 0;
      entry.onReleased(() => calls++);
      WAY.settling(entry);
      expect(calls).toBe(0);
      end();
      entry.release();
      expect(calls).toBe(1);
    });

    it('aborts the running handler, and nothing where none runs', () => {
      const aborted: Error[] = [];
      const run = { ...quietRun, abort: (reason: Error): void => void aborted.push(reason) };
      entry.abortRun(lost);
      entry.queue();
      entry.run(run);
      entry.abortRun(lost);
      expect(aborted).toEqual([lost]);
      entry.wait();
      entry.abortRun(lost);
      expect(aborted).toHaveLength(1);
    });
  });

  it('returns its fields once', () => {
    expect(entry.takeFields()).toEqual(['data', '7']);
    expect(entry.takeFields()).toBeNull();
  });

  it('counts another attempt with the fields that came back, and is not started in it', () => {
    WAY.waiting(entry);
    entry.takeFields();
    expect([entry.attempt, entry.isStarted]).toEqual([1, true]);
    const before = performance.now();
    entry.retake(2, ['data', '8']);
    expect([entry.attempt, entry.isStarted, entry.takeFields()]).toEqual([2, false, ['data', '8']]);
    expect(entry.ownedAt).toBeGreaterThanOrEqual(before);
    expect(entry.placeAndAttempt).toEqual({ stream: 'app:sum', group: 'workers', id: '7-1', attempt: 2 });
  });

  it('remembers when Redis last confirmed that this consumer owns it', () => {
    const other = groupStream.hold('9-0', 3, null, 1_234);
    expect([other?.ownedAt, other?.attempt]).toEqual([1_234, 3]);
    other?.confirm(5_678);
    expect(other?.ownedAt).toBe(5_678);
  });

  it('remembers that an ack of it may have arrived', () => {
    expect(entry.isAckMaybeDone).toBe(false);
    entry.ackMayBeDone();
    expect(entry.isAckMaybeDone).toBe(true);
  });
});
