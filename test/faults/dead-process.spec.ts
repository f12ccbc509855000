import { setTimeout as pause } from 'node:timers/promises';
import { keepFull } from '../support/backlog.js';
import { eventually } from '../support/eventually.js';
import { onEvent } from '../support/handlers.js';
import { useStage } from '../support/stage.js';
import { pendingOf } from '../support/stream-view.js';
import type { WorkerProcess, WorkerTask } from '../support/worker-process.js';
import { fleetOf, GROUP, names, order, QUICK } from './support/fleet.js';

const stage = useStage();
const fleet = fleetOf(stage);

const LEFT = 50;
/** On top of the promised time, for a machine that is busy with other tests. */
const SLACK_MS = 2_500;
const PROMISED_MS = QUICK.lease + QUICK.sweepInterval;

describe('the entries of a dead process', () => {
  it.each([
    [4, 20],
    [128, 250],
  ])(
    'start within lease, sweep and one handler time despite an endless backlog: %i slots, handlers of %i ms',
    async (concurrency, handlerMs) => {
      const [doomed] = (await fleet(1)) as [WorkerProcess];
      const left = names('left', LEFT);
      await order(
        stage.client(),
        left.map((name) => ({ name, holdMs: 60_000 })),
      );
      await eventually(async () => expect(await pendingOf(stage.raw, 'work', GROUP)).toBe(LEFT));
      const reclaimed = new Map<string, number>();
      const survivor = onEvent('work', async (data, ctx) => {
        if (typeof data !== 'number') reclaimed.set((data as WorkerTask).name, ctx.getAttempt());
        await pause(handlerMs);
      });
      await stage.serve([survivor], { option: { ...QUICK, consumerGroup: GROUP, concurrency } });
      stage.owns(keepFull(stage.raw, 'work', 2_000, GROUP));
      await doomed.end('SIGKILL');
      await eventually(() => expect([...reclaimed.keys()].toSorted()).toEqual(left.toSorted()), {
        within: PROMISED_MS + Math.ceil(LEFT / concurrency) * handlerMs + SLACK_MS,
      });
      expect(new Set(reclaimed.values())).toEqual(new Set([2]));
    },
  );
});
