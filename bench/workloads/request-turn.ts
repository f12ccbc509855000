import type { RequestLoad } from '../loads/requests.js';
import type { Stage } from '../stage.js';
import { CPU_METRICS, cpuFigures, type Figures, type Metric } from '../workload.js';

/** Enough for the JIT compiler of all processes to see the hot path, with many messages in flight and as measured. */
const WARM_UP_LIMIT_S = 1.5;
const WARM_UP_IN_FLIGHT = 64;

export const REQUEST_METRICS: readonly Metric[] = [
  { key: 'rate', title: 'req/s', better: 'higher', digits: 0 },
  { key: 'p50', title: 'p50 ms', better: 'lower', digits: 3 },
  { key: 'p99', title: 'p99 ms', better: 'lower', digits: 2 },
  ...CPU_METRICS,
];

export interface RequestTurn {
  readonly inFlight: number;
  readonly seconds: number;
  readonly bytes?: number;
  readonly patterns?: number;
}

/** Warms up, then measures requests between the processes of the stage. */
export async function measureRequests(stage: Stage, turn: RequestTurn): Promise<Figures> {
  const { inFlight, seconds, bytes = 100, patterns = 1 } = turn;
  const load: RequestLoad = { kind: 'requests', inFlight, bytes, patterns, extent: { seconds } };
  const extent = { seconds: Math.min(seconds, WARM_UP_LIMIT_S) };
  await stage.drive({ ...load, inFlight: Math.max(inFlight, WARM_UP_IN_FLIGHT), extent });
  await stage.drive({ ...load, extent });
  const before = await stage.cpuTimes();
  const figures = await stage.drive(load);
  return { ...figures, ...cpuFigures(before, await stage.cpuTimes(), figures['messages'] ?? NaN) };
}
