import type { Variant, Workload } from '../workload.js';
import { measureRequests, REQUEST_METRICS } from './request-turn.js';

interface Patterns extends Variant {
  readonly patterns: number;
  readonly busy: number;
}

const IN_FLIGHT = 256;

export const patterns: Workload<Patterns> = {
  title: `Patterns: requests to a server with more and more handlers, ${IN_FLIGHT} in flight`,
  metrics: REQUEST_METRICS,
  contenders: ['stream-transport', 'nest-redis'],
  comparison: 'first variant',
  variants: [
    { label: '1 pattern', patterns: 1, busy: 1 },
    ...[10, 100, 1_000].flatMap((count) => [
      { label: `${count.toLocaleString('en-US')} patterns, one busy`, patterns: count, busy: 1 },
      { label: `${count.toLocaleString('en-US')} patterns, all busy`, patterns: count, busy: count },
    ]),
  ],

  async run(stage, variant, { seconds }) {
    await stage.start({ patterns: variant.patterns });
    const figures = await measureRequests(stage, { inFlight: IN_FLIGHT, seconds, patterns: variant.busy });
    return [{ label: variant.label, figures }];
  },
};
