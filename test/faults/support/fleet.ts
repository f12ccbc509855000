import type { RedisStreamClient } from 'nestjs-redis-stream-transport';
import { tell } from '../../support/calls.js';
import { eventually } from '../../support/eventually.js';
import type { Stage } from '../../support/stage.js';
import { WorkerProcess } from '../../support/worker-process.js';
import type { WorkerOrder, WorkerTask } from '../../support/worker-process.js';

/** Short enough for a test, long enough for a machine that is busy with other tests. */
export const QUICK = { lease: 1_000, sweepInterval: 100, block: 500 };
export const GROUP = 'workers';

/** Starts worker processes of one service; they end with the test. */
export function fleetOf(stage: Stage): (size: number, option?: WorkerOrder['option']) => Promise<WorkerProcess[]> {
  return (size, option = {}) =>
    Promise.all(
      Array.from({ length: size }, async () => {
        const worker = await WorkerProcess.start({ connection: stage.connection, option: { ...QUICK, ...option } });
        stage.owns(() => worker.end());
        return worker;
      }),
    );
}

/** The task names of all reports of one kind, from every worker of the fleet. */
export function runsOf(fleet: readonly WorkerProcess[], fact: 'started' | 'done' | 'aborted'): string[] {
  return fleet.flatMap(({ reports }) => reports.flatMap((line) => (line.fact === fact ? [line.task] : [])));
}

export async function order(client: RedisStreamClient, tasks: readonly WorkerTask[]): Promise<void> {
  await Promise.all(tasks.map((task) => tell(client, 'work', task)));
}

/** Numbered names, so that a task that runs twice shows. */
export function names(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, n) => `${prefix}-${n}`);
}

export function untilDone(fleet: readonly WorkerProcess[], tasks: readonly string[], within = 8_000): Promise<void> {
  return eventually(
    () => {
      const done = new Set(runsOf(fleet, 'done'));
      expect(tasks.filter((task) => !done.has(task))).toEqual([]);
    },
    { within },
  );
}
