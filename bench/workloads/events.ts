import type { Workload } from '../workload.js';
import { EVENT_METRICS, measureEvents } from './event-turn.js';

export const events: Workload = {
  title: 'Events: from the first emit(), 256 in flight, until the last one is handled',
  metrics: EVENT_METRICS,
  contenders: ['stream-transport', 'nest-redis', 'nest-tcp', 'nest-nats', 'bullmq', 'raw-streams'],
  comparison: 'contenders',
  variants: [{ label: '100 B' }],

  async run(stage, { label }, { seconds }) {
    await stage.start();
    return [{ label, figures: await measureEvents(stage, seconds) }];
  },
};
