import type { Variant, Workload } from '../workload.js';
import { measureRequests, REQUEST_METRICS } from './request-turn.js';

interface Clients extends Variant {
  readonly idle: number;
}

const IN_FLIGHT = 256;
const BASELINE = '0 idle';

export const clients: Workload<Clients> = {
  title: `Clients: requests of one client, ${IN_FLIGHT} in flight, while others are connected and idle`,
  metrics: REQUEST_METRICS,
  contenders: ['stream-transport', 'nest-redis'],
  comparison: 'baseline',
  variants: [0, 1, 20, 200].map((idle) => ({ label: `${idle} idle`, baseline: BASELINE, idle })),

  async run(stage, { label, idle }, { seconds }) {
    await stage.start();
    await stage.addIdleCallers(idle);
    return [{ label, figures: await measureRequests(stage, { inFlight: IN_FLIGHT, seconds }) }];
  },
};
