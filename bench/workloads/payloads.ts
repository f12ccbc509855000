import type { Variant, Workload } from '../workload.js';
import { measureRequests, REQUEST_METRICS } from './request-turn.js';

interface Payload extends Variant {
  readonly bytes: number;
}

const IN_FLIGHT = 16;

export const payloads: Workload<Payload> = {
  title: `Payloads: requests with larger data in both directions, ${IN_FLIGHT} in flight`,
  metrics: REQUEST_METRICS,
  contenders: ['stream-transport', 'nest-redis', 'nest-tcp', 'nest-nats', 'raw-streams'],
  comparison: 'contenders',
  variants: [
    { label: '100 B', bytes: 100 },
    { label: '1 kB', bytes: 1_000 },
    { label: '64 kB', bytes: 64_000 },
  ],

  async run(stage, { label, bytes }, { seconds }) {
    await stage.start();
    return [{ label, figures: await measureRequests(stage, { inFlight: IN_FLIGHT, seconds, bytes }) }];
  },
};
