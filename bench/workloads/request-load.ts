import type { Setup } from '../contender.js';
import { CPU_METRICS, type Figures, type Metric } from '../figures.js';
import type { Stage } from '../stage.js';
import type { Variant } from '../workload.js';

/** Enough for the JIT compiler of all processes to see the hot path, with many messages in flight and as measured. */
export const WARM_UP_LIMIT_S = 1.5;
const WARM_UP_IN_FLIGHT = 64;

export const REQUEST_METRICS: readonly Metric[] = [
  { key: 'rate', title: 'req/s', better: 'higher', digits: 0 },
  { key: 'p50', title: 'p50 ms', better: 'lower', digits: 3 },
  { key: 'p99', title: 'p99 ms', better: 'lower', digits: 2 },
  ...CPU_METRICS,
];

export interface RequestLoad {
  readonly inFlight: number;
  /** Default: 100. */
  readonly bytes?: number;
  /** Number of patterns that the requests go to in turn. Default: 1. */
  readonly patterns?: number;
}

/** Warms up, then measures requests between the processes of the stage. */
export async function measureRequests(stage: Stage, load: RequestLoad, seconds: number): Promise<Figures> {
  const measured = { kind: 'requests', bytes: 100, patterns: 1, ...load, extent: { seconds } } as const;
  const extent = { seconds: Math.min(seconds, WARM_UP_LIMIT_S) };
  await stage.drive({ ...measured, inFlight: Math.max(load.inFlight, WARM_UP_IN_FLIGHT), extent });
  await stage.drive({ ...measured, extent });
  return stage.measured(() => stage.drive(measured));
}

/** A size of a workload of requests. */
export const requestSize = (label: string, load: RequestLoad, setup?: Setup): Variant => ({
  label,
  async run(stage, { seconds }) {
    await stage.start(setup);
    return measureRequests(stage, load, seconds);
  },
});
