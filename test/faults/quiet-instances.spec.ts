import { setTimeout as pause } from 'node:timers/promises';
import { ageConsumers } from '../support/aged-consumers.js';
import { tell } from '../support/calls.js';
import { eventually } from '../support/eventually.js';
import { onEvent } from '../support/handlers.js';
import { useStage } from '../support/stage.js';
import { infoOf, pendingOf, settled } from '../support/stream-view.js';

/** Before 7.2 reads that bring nothing leave a consumer as idle as it was. */
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
  it('stay consumers of their group, however long nothing comes', async () => {
    await stage.serve([quiet], { option: { ...OPTION, consumer: 'first' } });
    await stage.serve([quiet], { option: { ...OPTION, consumer: 'second' } });
    // Redis knows a consumer once it has read, or been given, something.
    for (const name of ['first', 'second']) await stage.raw.xgroup('CREATECONSUMER', 'job', 'service', name);
    const end = performance.now() + QUIET_MS;
    while (performance.now() < end) {
      expect(await consumers()).toEqual(['first', 'second']);
      await pause(20);
    }
  });

  it('go after consumerTtl when their process is gone, although others are as quiet', async () => {
    await stage.serve([quiet], { option: { ...OPTION, consumer: 'first' } });
    await stage.raw.xgroup('CREATECONSUMER', 'job', 'service', 'first');
    await stage.raw.xgroup('CREATECONSUMER', 'job', 'service', 'ghost');
    await eventually(async () => expect(await consumers()).toEqual(['first']), { within: 2 * QUIET_MS });
  });

  it('inherit what one that stops hands over, although they were quiet for two minutes', async () => {
    await stage.raw.xgroup('CREATE', 'job', 'service', '0', 'MKSTREAM');
    for (const name of ['heir', 'leaving']) await stage.raw.xgroup('CREATECONSUMER', 'job', 'service', name);
    await ageConsumers(stage.raw, 'job', 120_000);
    const [aged] = await infoOf(stage.raw, 'CONSUMERS', 'job', 'service');
    expect(Number(aged?.['idle'])).toBeGreaterThan(119_000);
    const option = { block: 500, lease: 60_000, backoff: { delay: 60_000, maxDelay: 60_000 } };
    const leaving = await stage.serve([failing], { option: { ...option, sweepInterval: 60_000, consumer: 'leaving' } });
    await tell(stage.client(), 'job', 'left');
    await eventually(async () => expect(await pendingOf(stage.raw, 'job')).toBe(1));
    const heard: number[] = [];
    const heir = onEvent('job', (_data, ctx) => heard.push(ctx.getAttempt()));
    await stage.serve([heir], { option: { ...option, sweepInterval: SWEEP_MS, consumer: 'heir' } });
    // Time to say that it is there, for one that says so with its sweeps.
    await pause(5 * SWEEP_MS);
    await leaving.close();
    await settled(stage.raw, 'job');
    expect(heard).toEqual([2]);
    // What has found no heir stays with the one that left, and keeps it in the group.
    expect(await consumers()).toEqual(['heir']);
  });
});
