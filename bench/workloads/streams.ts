import { CPU_METRICS } from '../figures.js';
import type { Workload } from '../workload.js';
import { WARM_UP_LIMIT_S } from './request-load.js';

const PARTS = 100;

export const streams: Workload = {
  title: `Streamed replies: ${PARTS} values, each in its own turn of the event loop`,
  metrics: [{ key: 'rate', title: 'values/s', better: 'higher', digits: 0 }, ...CPU_METRICS],
  contenders: ['stream-transport', 'nest-redis', 'nest-tcp', 'nest-nats'],
  comparison: 'contenders',
  variants: [1, 16].map((inFlight) => ({
    label: `${inFlight} in flight`,
    async run(stage, { seconds }) {
      await stage.start();
      const load = { kind: 'streams', inFlight, parts: PARTS, extent: { seconds } } as const;
      await stage.drive({ ...load, extent: { seconds: Math.min(seconds, WARM_UP_LIMIT_S) } });
      return stage.measured(() => stage.drive(load));
    },
  })),
};
