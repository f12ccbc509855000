import type { RunNote } from './notes.js';

/** One run of an entry in a group, from its start to its end. */
export interface Run {
  readonly n: number;
  readonly id: string;
  readonly stream: string;
  readonly group: string;
  readonly attempt: number;
  readonly pid: number;
  readonly startedAt: number;
  /** Infinity if it is not over; the end of its process, if that came first. */
  endedAt: number;
  end: RunNote['fact'] | undefined;
}

/** Pairs the starts and ends of runs. */
export function runsOf(notes: readonly RunNote[], deaths: ReadonlyMap<number, number>): Run[] {
  const open = new Map<string, Run>();
  const runs: Run[] = [];
  for (const { fact, at, ...about } of notes) {
    const key = `${about.pid} ${about.group} ${about.stream} ${about.id} ${about.attempt}`;
    if (fact === 'started') {
      const run: Run = { ...about, startedAt: at, endedAt: deaths.get(about.pid) ?? Infinity, end: undefined };
      open.set(key, run);
      runs.push(run);
      continue;
    }
    const run = open.get(key);
    if (run) Object.assign(run, { endedAt: at, end: fact });
  }
  return runs;
}

export function groupBy<T, Key>(items: readonly T[], keyOf: (item: T) => Key): Map<Key, T[]> {
  const groups = new Map<Key, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}
