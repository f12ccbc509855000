import { CPU_METRICS, cpuFigures, type Workload } from '../workload.js';

const WARM_UP_EVENTS = 3_000;
/** A warm-up that nobody could measure must not decide how long a measurement takes. */
const MAX_PER_SECOND = 50_000;

/** Events a second, from the first emit to the last of so many handled. */
const rateOf = (events: number, startedAt: number, endedAt: number): number => (events / (endedAt - startedAt)) * 1_000;

export const events: Workload = {
  title: 'Events: from the first emit(), 256 in flight, until the last one is handled',
  metrics: [
    { key: 'handledRate', title: 'events/s handled', better: 'higher', digits: 0 },
    { key: 'emitRate', title: 'events/s emitted', better: 'higher', digits: 0 },
    ...CPU_METRICS,
  ],
  contenders: ['stream-transport', 'nest-redis', 'nest-tcp', 'nest-nats', 'bullmq', 'raw-streams'],
  comparison: 'contenders',
  variants: [{ label: '100 B' }],

  async run(stage, { label }, { seconds }) {
    await stage.start();
    let handled = 0;
    const emit = async (count: number): Promise<{ startedAt: number; emittedAt: number; endedAt: number }> => {
      const { startedAt = NaN, emittedAt = NaN } = await stage.drive({ kind: 'events', count });
      return { startedAt, emittedAt, endedAt: await stage.handled((handled += count)) };
    };
    await emit(WARM_UP_EVENTS);
    // As many as take about as long with everybody: a number that fits a queue would be over at once with the others.
    const warmUp = await emit(WARM_UP_EVENTS);
    const expected = Math.min(MAX_PER_SECOND, rateOf(WARM_UP_EVENTS, warmUp.startedAt, warmUp.endedAt));
    const count = Math.ceil(expected * seconds);

    const before = await stage.cpuTimes();
    const { startedAt, emittedAt, endedAt } = await emit(count);
    const figures = {
      handledRate: rateOf(count, startedAt, endedAt),
      emitRate: rateOf(count, startedAt, emittedAt),
      ...cpuFigures(before, await stage.cpuTimes(), count),
    };
    return [{ label, figures }];
  },
};
