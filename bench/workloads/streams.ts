import type { StreamLoad } from '../loads/streams.js';
import { CPU_METRICS, cpuFigures, type Variant, type Workload } from '../workload.js';

interface InFlight extends Variant {
  readonly inFlight: number;
}

const PARTS = 100;
const WARM_UP_LIMIT_S = 1.5;

export const streams: Workload<InFlight> = {
  title: `Streamed replies: ${PARTS} values, each in its own turn of the event loop`,
  metrics: [{ key: 'rate', title: 'values/s', better: 'higher', digits: 0 }, ...CPU_METRICS],
  contenders: ['stream-transport', 'nest-redis', 'nest-tcp', 'nest-nats'],
  comparison: 'contenders',
  variants: [1, 16].map((inFlight) => ({ label: `${inFlight} in flight`, inFlight })),

  async run(stage, { label, inFlight }, { seconds }) {
    await stage.start();
    const load: StreamLoad = { kind: 'streams', inFlight, parts: PARTS, extent: { seconds } };
    await stage.drive({ ...load, extent: { seconds: Math.min(seconds, WARM_UP_LIMIT_S) } });
    const before = await stage.cpuTimes();
    const figures = await stage.drive(load);
    return [
      { label, figures: { ...figures, ...cpuFigures(before, await stage.cpuTimes(), figures['messages'] ?? NaN) } },
    ];
  },
};
