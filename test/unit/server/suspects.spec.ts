import { setTimeout as pause } from 'node:timers/promises';
import type { GroupStream } from '../../../lib/server/holding/group-stream.js';
import type { HeldEntry } from '../../../lib/server/holding/held-entry.js';
import { Suspects } from '../../../lib/server/keeping/suspects.js';
import { ConcurrencyGate } from '../../../lib/server/running/concurrency-gate.js';
import { Lane } from '../../../lib/server/running/lane.js';
import { deferred } from '../../support/deferred.js';
import type { Deferred } from '../../support/deferred.js';
import { eventually } from '../../support/eventually.js';
import { groupStreamOf, handlerOf, routeOf, takenFrom } from './support/entries.js';
import { ServerParts, writerTo } from './support/server-parts.js';

const PATIENT_MS = 60_000;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('Suspects', () => {
  let parts: ServerParts;
  let suspects: Suspects | undefined;
  let lanes: Lane[];
  /** The running handlers by their data, which is the id of the entry. */
  let running: Map<unknown, Deferred>;
  let takenOver: string[];

  beforeEach(() => {
    parts = new ServerParts(writerTo());
    running = new Map();
    takenOver = [];
    lanes = ['app:a', 'app:b'].map((stream) => {
      const handler = handlerOf((name) => {
        const run = deferred();
        running.set(name, run);
        return run.promise.finally(() => running.delete(name));
      });
      const route = routeOf({ events: [handler], extras: { backoff: { delay: 60_000 } } });
      return new Lane('workers', [groupStreamOf(stream, route)], new ConcurrencyGate(2), parts.run);
    });
  });
  afterEach(async () => {
    await suspects?.stop();
    for (const { gate } of lanes) gate.clear();
    parts.close();
  });

  const laneAt = (at: number): Lane => lanes[at] as Lane;
  const streamOf = (lane: Lane): GroupStream => lane.streams[0] as GroupStream;
  const fieldsOf = (id: string): string[] => ['data', JSON.stringify(id)];
  const names = (): unknown[] => [...running.keys()];

  /** `isToBeHad` is false for an entry that another consumer has by now. */
  function start(patienceMs = PATIENT_MS, isToBeHad = (_id: string): boolean => true): Suspects {
    return (suspects = new Suspects(async (groupStream, id) => {
      takenOver.push(id);
      return isToBeHad(id) ? takenFrom(groupStream, id, fieldsOf(id)) : undefined;
    }, patienceMs));
  }

  const offer = (lane: Lane, ...ids: string[]): void => {
    for (const id of ids) suspects?.offer(lane, streamOf(lane), id);
  };

  function runBeside(lane: Lane, id: string): HeldEntry {
    const entry = takenFrom(streamOf(lane), id, fieldsOf(id));
    lane.run(entry);
    return entry;
  }

  /** Completes its handler, and confirms its ack. */
  async function complete(lane: Lane, id: string): Promise<void> {
    const entry = [...streamOf(lane).entries].find((held) => held.id === id);
    running.get(id)?.resolve();
    await turn();
    entry?.release();
    await turn();
  }

  it('runs a suspect at once where nothing runs in its lane', async () => {
    start();
    offer(laneAt(0), '1-0');
    await turn();
    expect(names()).toEqual(['1-0']);
  });

  it('takes a suspect over only when nothing else runs in its lane, and lets nothing start while it runs', async () => {
    const lane = laneAt(0);
    start();
    runBeside(lane, '5-0');
    offer(lane, '1-0');
    await turn();
    expect(takenOver).toEqual([]);
    await complete(lane, '5-0');
    expect(names()).toEqual(['1-0']);
    runBeside(lane, '6-0');
    await turn();
    expect(names()).toEqual(['1-0']);
    await complete(lane, '1-0');
    expect(names()).toEqual(['6-0']);
  });

  it('leaves other lanes alone', async () => {
    start();
    offer(laneAt(0), '1-0');
    runBeside(laneAt(1), '5-0');
    await turn();
    expect(new Set(names())).toEqual(new Set(['1-0', '5-0']));
  });

  it('runs one suspect after the other, in other lanes too', async () => {
    start();
    offer(laneAt(0), '1-0', '2-0');
    offer(laneAt(1), '3-0');
    await turn();
    expect(names()).toEqual(['1-0']);
    await complete(laneAt(0), '1-0');
    expect(names()).toEqual(['2-0']);
    await complete(laneAt(0), '2-0');
    expect(names()).toEqual(['3-0']);
    expect(takenOver).toEqual(['1-0', '2-0', '3-0']);
  });

  it('takes the next suspect only when the result of the one before is in Redis', async () => {
    const lane = laneAt(0);
    start();
    offer(lane, '1-0', '2-0');
    await turn();
    const [entry] = streamOf(lane).entries;
    running.get('1-0')?.resolve();
    await turn();
    expect([entry?.phase, names()]).toEqual(['settling', []]);
    entry?.release();
    await eventually(() => expect(names()).toEqual(['2-0']));
  });

  it('takes the next suspect at once after one that waits for another attempt, or that is lost', async () => {
    const lane = laneAt(0);
    start();
    offer(lane, '1-0', '2-0', '3-0');
    await turn();
    running.get('1-0')?.reject(new Error('oops'));
    await eventually(() => expect(names()).toEqual(['2-0']));
    const lost = [...streamOf(lane).entries].find(({ id }) => id === '2-0');
    lost?.lose(new Error('lost'));
    await eventually(() => expect(names()).toContain('3-0'));
  });

  it('takes the next suspect after one that another consumer has, or that cannot be taken over', async () => {
    start(PATIENT_MS, (id) => {
      if (id === '1-0') throw new Error('no connection');
      return id !== '2-0';
    });
    offer(laneAt(0), '1-0', '2-0', '3-0');
    await eventually(() => expect(names()).toEqual(['3-0']));
    expect(takenOver).toEqual(['1-0', '2-0', '3-0']);
  });

  it('waits for the lane, and for the suspect itself, no longer than the given time', async () => {
    const lane = laneAt(0);
    start(30);
    runBeside(lane, '5-0');
    offer(lane, '1-0');
    await eventually(() => expect(names()).toEqual(['5-0', '1-0']));
    runBeside(lane, '6-0');
    await complete(lane, '5-0');
    await eventually(() => expect(names()).toEqual(['1-0', '6-0']));
  });

  it('ignores a suspect that is offered again while it waits or runs, and accepts it again afterwards', async () => {
    const lane = laneAt(0);
    start();
    offer(lane, '1-0', '2-0', '2-0', '1-0');
    await turn();
    offer(lane, '1-0', '2-0');
    await complete(lane, '1-0');
    await complete(lane, '2-0');
    expect(takenOver).toEqual(['1-0', '2-0']);
    offer(lane, '1-0');
    await turn();
    expect(takenOver).toEqual(['1-0', '2-0', '1-0']);
  });

  it('distinguishes entries with the same id in different streams', async () => {
    start();
    offer(laneAt(0), '1-0');
    offer(laneAt(1), '1-0');
    await turn();
    await complete(laneAt(0), '1-0');
    expect(takenOver).toEqual(['1-0', '1-0']);
  });

  it('queues a bounded number, and leaves the others to the next sweep', async () => {
    const lane = laneAt(0);
    start();
    runBeside(lane, '5-0');
    offer(lane, ...Array.from({ length: 1_500 }, (_, i) => `1-${i}`));
    let taken = 0;
    await complete(lane, '5-0');
    for (; names().length > 0; taken++) await complete(lane, String(names()[0]));
    // One was already being taken over when the others came.
    expect(taken).toBe(1_001);
  });

  it('takes nothing over once it is stopped, and releases the lane', async () => {
    const lane = laneAt(0);
    start();
    runBeside(lane, '5-0');
    offer(lane, '1-0', '2-0');
    await suspects?.stop();
    offer(lane, '3-0');
    await complete(lane, '5-0');
    await pause(1);
    expect([takenOver, lane.gate.isIdle]).toEqual([[], true]);
  });
});
