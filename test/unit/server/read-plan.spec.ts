import { ReadPlan } from '../../../lib/server/reading/read-plan.js';
import type { PlannedRead } from '../../../lib/server/reading/read-plan.js';
import { SeededRandom } from '../support/random.js';

const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `stream-${i}`);

/** Streams with one backlog each; a read takes from them what Redis would return. */
class Backlog {
  readonly left: Map<string, number>;
  readonly taken = new Map<string, number>();

  constructor(backlog: Readonly<Record<string, number>>) {
    this.left = new Map(Object.entries(backlog));
  }

  read({ streams, count }: PlannedRead<string>): string[] {
    return streams.filter((stream) => {
      const left = this.left.get(stream) ?? 0;
      const taken = Math.min(left, count);
      this.left.set(stream, left - taken);
      this.taken.set(stream, (this.taken.get(stream) ?? 0) + taken);
      return taken > 0;
    });
  }
}

describe('ReadPlan', () => {
  it('asks a single stream for all free slots, up to one portion, and blocks', () => {
    expect(new ReadPlan<string>().next(['a'], 128)).toEqual({ streams: ['a'], count: 64, blocks: true });
    expect(new ReadPlan<string>().next(['a'], 50)).toEqual({ streams: ['a'], count: 50, blocks: true });
    expect(new ReadPlan<string>().next(['a'], 1)).toEqual({ streams: ['a'], count: 1, blocks: true });
  });

  it('blocks on all streams while none of them had entries', () => {
    const plan = new ReadPlan<string>();
    const streams = names(40);
    for (let round = 0; round < 10; round++) {
      const read = plan.next(streams, 128);
      expect(read).toEqual({ streams, count: 3, blocks: true });
      plan.brought([], []);
    }
  });

  it('asks busy streams for their share of the slots without blocking, and the others in between', () => {
    const plan = new ReadPlan<string>();
    const streams = names(64);
    plan.brought(['stream-7'], []);
    const reads = Array.from({ length: 8 }, () => {
      const read = plan.next(streams, 128);
      plan.brought(['stream-7'], []);
      return read;
    });
    expect(reads.every(({ blocks }) => !blocks)).toBe(true);
    expect(reads.filter((read) => read.streams.length === 64)).toHaveLength(2);
    expect(reads.filter((read) => read.streams.length === 1 && read.count === 64)).toHaveLength(6);
  });

  it('reads a stream with a backlog alone, even where all have a fair share, and the others in between', () => {
    const plan = new ReadPlan<string>();
    const streams = names(3);
    expect(plan.next(streams, 128)).toEqual({ streams, count: 42, blocks: true });
    plan.brought(['stream-1'], []);
    expect(plan.next(streams, 128)).toEqual({ streams, count: 42, blocks: true });
    const reads = Array.from({ length: 20 }, () => {
      plan.brought(['stream-1'], ['stream-1']);
      return plan.next(streams, 128);
    });
    const alone = reads.filter((read) => read.streams.length === 1 && !read.blocks);
    expect(alone.slice(0, 3).map(({ count }) => count)).toEqual([64, 64, 64]);
    expect(reads.filter((read) => read.streams.length === 3 && read.count === 42 && !read.blocks)).toHaveLength(2);
    expect(alone).toHaveLength(18);
    plan.brought([], []);
    expect(plan.next(streams, 128).blocks).toBe(true);
  });

  it('asks for all free slots, up to 256, after four full reads in a row', () => {
    for (const streams of [['a'], ['a', 'b', 'c']]) {
      const plan = new ReadPlan<string>();
      const readAfter = (entries: string[]): PlannedRead<string> => {
        plan.brought(entries, entries);
        return plan.next(streams, 200);
      };
      for (let read = 1; read <= 3; read++) expect([plan.isBacklog, readAfter(['a']).count]).toEqual([false, 64]);
      expect(readAfter(['a'])).toMatchObject({ streams: ['a'], count: 200 });
      expect(plan.isBacklog).toBe(true);
      expect(plan.next(streams, 700)).toMatchObject({ streams: ['a'], count: 256 });
      expect(readAfter([]).count).toBeLessThan(67);
      expect(plan.isBacklog).toBe(false);
    }
  });

  it('blocks again once the busy streams have run dry', () => {
    const plan = new ReadPlan<string>();
    const streams = names(64);
    plan.brought(['stream-7'], []);
    plan.brought([], []);
    expect(plan.next(streams, 128).blocks).toBe(true);
  });

  it('forgets a busy stream that is no longer read', () => {
    const plan = new ReadPlan<string>();
    plan.brought(['stream-7'], []);
    const others = names(64).filter((stream) => stream !== 'stream-7');
    expect(plan.next(others, 128)).toEqual({ streams: others, count: 2, blocks: true });
  });

  it('reads a different part of the busy streams each time where there are fewer slots', () => {
    const plan = new ReadPlan<string>();
    const streams = names(20);
    const asked = new Set<string>();
    for (let round = 0; round < 40; round++) {
      // As if every stream were always busy.
      plan.brought(streams, []);
      const read = plan.next(streams, 4);
      if (read.streams.length === streams.length) continue;
      expect(read).toMatchObject({ count: 1, blocks: false });
      expect(new Set(read.streams).size).toBe(4);
      for (const stream of read.streams) asked.add(stream);
    }
    expect(asked.size).toBe(20);
  });

  it('never asks for more entries than free slots, or one per stream where there are more streams', () => {
    const random = new SeededRandom(8);
    for (let world = 0; world < 200; world++) {
      const plan = new ReadPlan<string>();
      const streams = names(random.integer(1, 60));
      for (let round = 0; round < 50; round++) {
        const free = random.integer(1, 200);
        const read = plan.next(streams, free);
        expect(Number.isInteger(read.count) && read.count >= 1).toBe(true);
        expect(read.streams.length).toBeGreaterThan(0);
        expect(new Set(read.streams).size).toBe(read.streams.length);
        const most = read.streams.length === streams.length ? Math.max(free, streams.length) : free;
        expect(read.streams.length * read.count).toBeLessThanOrEqual(most);
        plan.brought(
          read.streams.filter(() => random.next() < 0.4),
          read.streams.filter(() => random.next() < 0.1),
        );
      }
    }
  });

  it('never blocks while it knows of a stream with entries and asks for less than a fair share', () => {
    const plan = new ReadPlan<string>();
    const streams = names(32);
    const backlog = new Backlog({ 'stream-3': 2_000 });
    plan.brought(backlog.read(plan.next(streams, 128)), []);
    while ((backlog.left.get('stream-3') ?? 0) > 0) {
      const read = plan.next(streams, 128);
      expect(read.blocks).toBe(false);
      plan.brought(backlog.read(read), []);
    }
  });

  it.each([
    ['few slots', 8],
    ['many slots', 128],
  ])('starves no stream next to streams that never run dry, with %s', (_what, free) => {
    const plan = new ReadPlan<string>();
    const streams = names(40);
    const endless = Object.fromEntries(streams.slice(0, 10).map((stream) => [stream, Infinity]));
    const quiet = Object.fromEntries(streams.slice(10).map((stream) => [stream, 5]));
    const backlog = new Backlog({ ...endless, ...quiet });
    for (let round = 0; round < 60; round++) {
      const read = plan.next(streams, free);
      plan.brought(backlog.read(read), []);
    }
    for (const stream of Object.keys(quiet)) expect([stream, backlog.left.get(stream)]).toEqual([stream, 0]);
    for (const stream of Object.keys(endless)) expect(backlog.taken.get(stream)).toBeGreaterThanOrEqual(15);
  });

  it('finds an entry on any stream within four reads, whatever the others do', () => {
    const random = new SeededRandom(9);
    const plan = new ReadPlan<string>();
    const streams = names(50);
    plan.brought(streams.slice(0, 20), []);
    let unasked = 0;
    for (let round = 0; round < 200; round++) {
      const read = plan.next(streams, random.integer(1, 30));
      unasked = read.streams.includes('stream-49') ? 0 : unasked + 1;
      expect(unasked).toBeLessThan(4);
      plan.brought(
        read.streams.filter((stream) => Number(stream.slice(7)) < 20),
        [],
      );
    }
  });
});

describe('ReadPlan of a reader that shares its slots with others', () => {
  it('asks for one entry per stream while it blocks, since any of the readers may bring entries', () => {
    expect(new ReadPlan<string>(true).next(['a'], 128)).toEqual({ streams: ['a'], count: 1, blocks: true });
    const streams = names(40);
    expect(new ReadPlan<string>(true).next(streams, 128)).toEqual({ streams, count: 1, blocks: true });
  });

  it('asks for its share without blocking as soon as a stream had entries, until it runs dry', () => {
    const plan = new ReadPlan<string>(true);
    plan.brought(['a'], ['a']);
    expect(plan.next(['a'], 128)).toEqual({ streams: ['a'], count: 64, blocks: false });
    plan.brought(['a'], []);
    expect(plan.next(['a'], 10)).toEqual({ streams: ['a'], count: 10, blocks: false });
    plan.brought([], []);
    expect(plan.next(['a'], 128)).toEqual({ streams: ['a'], count: 1, blocks: true });
  });

  it('reads larger portions of a backlog, like any other plan', () => {
    const plan = new ReadPlan<string>(true);
    for (let read = 1; read <= 4; read++) plan.brought(['a'], ['a']);
    expect(plan.isBacklog).toBe(true);
    expect(plan.next(['a'], 700)).toEqual({ streams: ['a'], count: 256, blocks: false });
  });

  it('asks for more than the free slots only where it asks for one entry per stream', () => {
    const random = new SeededRandom(10);
    for (let world = 0; world < 100; world++) {
      const plan = new ReadPlan<string>(true);
      const streams = names(random.integer(1, 40));
      for (let round = 0; round < 50; round++) {
        const free = random.integer(1, 200);
        const read = plan.next(streams, free);
        const most = read.blocks ? streams.length : Math.max(free, streams.length);
        expect(read.streams.length * read.count).toBeLessThanOrEqual(most);
        plan.brought(
          read.streams.filter(() => random.next() < 0.4),
          read.streams.filter(() => random.next() < 0.1),
        );
      }
    }
  });

  it('finds an entry on any stream within four reads that do not block', () => {
    const plan = new ReadPlan<string>(true);
    const streams = names(50);
    plan.brought(streams.slice(0, 20), []);
    let unasked = 0;
    for (let round = 0; round < 200; round++) {
      const read = plan.next(streams, 30);
      expect(read.blocks).toBe(false);
      unasked = read.streams.includes('stream-49') ? 0 : unasked + 1;
      expect(unasked).toBeLessThan(4);
      plan.brought(streams.slice(0, 20), []);
    }
  });
});
