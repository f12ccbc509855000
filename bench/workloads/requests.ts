import type { Variant, Workload } from '../workload.js';
import { measureRequests, REQUEST_METRICS } from './request-turn.js';

interface InFlight extends Variant {
  readonly inFlight: number;
}

export const requests: Workload<InFlight> = {
  title: 'Requests: from send() until the reply arrives',
  metrics: REQUEST_METRICS,
  contenders: ['stream-transport', 'nest-redis', 'nest-tcp', 'nest-nats', 'raw-streams'],
  comparison: 'contenders',
  variants: [1, 16, 256].map((inFlight) => ({ label: `${inFlight} in flight`, inFlight })),

  async run(stage, { label, inFlight }, { seconds }) {
    await stage.start();
    return [{ label, figures: await measureRequests(stage, { inFlight, seconds }) }];
  },
};
