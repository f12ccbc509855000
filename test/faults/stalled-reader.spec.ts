import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '../support/eventually.js';
import { deferred } from '../support/deferred.js';
import { onEvent } from '../support/handlers.js';
import { linkOf } from '../support/role-proxy.js';
import { useStage } from '../support/stage.js';
import { settled } from '../support/stream-view.js';

const stage = useStage();

const LEASE_MS = 6_000;
const STALL_MS = 4_500;
/** By then another instance would have taken an entry that was not renewed in time. */
const OVER_MS = 9_000;
const OPTION = { lease: LEASE_MS, sweepInterval: 100, block: 100, shutdownTimeout: 500 };

describe('a reader link that stalls for less than a lease', () => {
  it('lets an entry that arrives late run on only one instance', async () => {
    const gate = deferred();
    stage.owns(() => gate.resolve());
    const runs: string[] = [];
    const workOf = (instance: string): ReturnType<typeof onEvent> =>
      onEvent('job', async (_data, ctx) => {
        runs.push(`${instance}, attempt ${ctx.getAttempt()}`);
        await gate.promise;
      });
    const { proxy, connection } = await linkOf(stage, 'reader');
    await stage.serve([workOf('stalled')], { connection, option: OPTION });
    await stage.untilReading();
    proxy.set({ kind: 'blackhole', direction: 'down' });
    await stage.raw.xadd('job', '*', 'data', '1');
    const stalled = performance.now();
    await stage.serve([workOf('other')], { option: OPTION });
    await pause(STALL_MS - (performance.now() - stalled));
    proxy.heal();
    await eventually(() => expect(runs).toHaveLength(1));
    await pause(OVER_MS - (performance.now() - stalled));
    expect(runs).toHaveLength(1);
    gate.resolve();
    await settled(stage.raw, 'job');
  });
});
