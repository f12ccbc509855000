import type { Stage } from '../stage.js';
import { CPU_METRICS, cpuFigures, type Figures, type Metric } from '../workload.js';

const WARM_UP_EVENTS = 3_000;
/** A warm-up that is too short to time must not decide how long a measurement takes. */
const MAX_PER_SECOND = 50_000;

export const EVENT_METRICS: readonly Metric[] = [
  { key: 'handledRate', title: 'events/s handled', better: 'higher', digits: 0 },
  { key: 'emitRate', title: 'events/s emitted', better: 'higher', digits: 0 },
  ...CPU_METRICS,
];

/** Warms up, then measures events between the processes of the stage. */
export async function measureEvents(stage: Stage, seconds: number): Promise<Figures> {
  await emit(stage, WARM_UP_EVENTS);
  // As many events as take about `seconds`: a count that keeps a slow queue busy is done at once by the others.
  const { handledRate } = await emit(stage, WARM_UP_EVENTS);
  const count = Math.ceil(Math.min(MAX_PER_SECOND, handledRate) * seconds);
  const before = await stage.cpuTimes();
  const figures = await emit(stage, count);
  return { ...figures, ...cpuFigures(before, await stage.cpuTimes(), count) };
}

async function emit(stage: Stage, count: number): Promise<{ handledRate: number; emitRate: number }> {
  const { startedAt = NaN, emittedAt = NaN } = await stage.drive({ kind: 'events', count });
  const endedAt = await stage.handled(count);
  const rateUntil = (time: number): number => (count / (time - startedAt)) * 1_000;
  return { handledRate: rateUntil(endedAt), emitRate: rateUntil(emittedAt) };
}
