import type { Caller } from './contender.js';
import type { Stage } from './stage.js';

/** What a workload measured in one turn, by the key of its metric. */
export type Figures = Readonly<Record<string, number>>;

export interface Metric {
  readonly key: string;
  readonly title: string;
  readonly better: 'higher' | 'lower';
  readonly digits: number;
}

/**
 * One measurement. `run` directs one turn from the parent process: it starts the servers and clients it needs.
 * `drive` is what a client process does on `client.drive(task)`. A new workload is one file beside the others.
 */
export interface Workload<Task = never> {
  readonly title: string;
  readonly metrics: readonly Metric[];
  run(stage: Stage, seconds: number): Promise<Figures>;
  drive(caller: Caller, task: Task): Promise<Figures>;
}

/** About 100 bytes of JSON, as an application would send it. */
export const PAYLOAD = {
  number: '+15550100123',
  text: 'Your parcel arrives today between 14:00 and 16:00.',
  at: '2030-01-01T12:00:00.000Z',
};

/** Keeps `lanes` calls in flight until `hasMore` says no. */
export async function keepInFlight(lanes: number, hasMore: () => boolean, call: () => Promise<unknown>): Promise<void> {
  const lane = async (): Promise<void> => {
    while (hasMore()) await call();
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}
