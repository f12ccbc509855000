import { setTimeout as pause } from 'node:timers/promises';
import { ageConsumers } from '../support/aged-consumers.js';
import { tell } from '../support/calls.js';
import { eventually } from '../support/eventually.js';
import { onEvent } from '../support/handlers.js';
import { useStage } from '../support/stage.js';
import { infoOf, pendingOf, settled } from '../support/stream-view.js';

/** Before Redis 7.2, reads that return nothing do not reset the idle time of a consumer. */
const stage = useStage({ debugCommand: true });

const SWEEP_MS = 100;
const OPTION = { sweepInterval: SWEEP_MS, block: 500, consumerTtl: 1_000 };
const QUIET_MS = 3_000;

const consumers = async (): Promise<string[]> =>
  (await infoOf(stage.raw, 'CONSUMERS', 'job', 'service')).map(({ name }) => String(name)).toSorted();

const quiet = onEvent('job', () => undefined);
const failing = onEvent('job', () => {
  throw new Error('not here');
});

describe('instances that have nothing to do', () => {
  it('stay consumers of their group, however long they are idle', async () => {
    await stage.serve([quiet], { option: { ...OPTION, consumer: 'first' } });
    await stage.serve([quiet], { option: { ...OPTION, consumer: 'second' } });
    // Redis knows a consumer only once it has read or been given an entry.
    for (const name of ['first', 'second']) await stage.raw.xgroup('CREATECONSUMER', 'job', 'service', name);
    const end = performance.now() + QUIET_MS;
    while (performance.now() < end) {
      expect(await consumers()).toEqual(['first', 'second']);
      await pause(20);
    }
  });

  it('are removed after consumerTtl when their process is gone, although live ones are just as idle', async () => {
    await stage.serve([quiet], { option: { ...OPTION, consumer: 'first' } });
    await stage.raw.xgroup('CREATECONSUMER', 'job', 'service', 'first');
    await stage.raw.xgroup('CREATECONSUMER', 'job', 'service', 'dead');
    await eventually(async () => expect(await consumers()).toEqual(['first']), { within: 2 * QUIET_MS });
  });

  it('get what a stopping instance hands over, although they were idle for two minutes', async () => {
    await stage.raw.xgroup('CREATE', 'job', 'service', '0', 'MKSTREAM');
    for (const name of ['successor', 'leaving']) await stage.raw.xgroup('CREATECONSUMER', 'job', 'service', name);
    await ageConsumers(stage.raw, 'job', 120_000);
    const [aged] = await infoOf(stage.raw, 'CONSUMERS', 'job', 'service');
    expect(Number(aged?.['idle'])).toBeGreaterThan(119_000);
    const option = { block: 500, lease: 60_000, backoff: { delay: 60_000, maxDelay: 60_000 } };
    const leaving = await stage.serve([failing], { option: { ...option, sweepInterval: 60_000, consumer: 'leaving' } });
    await tell(stage.client(), 'job', 'left');
    await eventually(async () => expect(await pendingOf(stage.raw, 'job')).toBe(1));
    const heard: number[] = [];
    const successor = onEvent('job', (_data, ctx) => heard.push(ctx.getAttempt()));
    await stage.serve([successor], { option: { ...option, sweepInterval: SWEEP_MS, consumer: 'successor' } });
    // An instance shows with its sweeps that it is alive: give it time for some.
    await pause(5 * SWEEP_MS);
    await leaving.close();
    await settled(stage.raw, 'job');
    expect(heard).toEqual([2]);
    // An entry without a successor would keep the consumer that left in the group.
    expect(await consumers()).toEqual(['successor']);
  });
});
