import type { Variant, Workload } from '../workload.js';
import { measureRequests, REQUEST_METRICS } from './request-turn.js';

interface Patterns extends Variant {
  readonly patterns: number;
  readonly busy: number;
  readonly inFlight: number;
}

const GROWN = [10, 100, 1_000];

const named = (patterns: number): string => `${patterns.toLocaleString('en-US')} patterns`;

/** Many requests in flight share a read; a single one pays for all streams that its read has to name. */
function growth(inFlight: number): Patterns[] {
  const baseline = `1 pattern, ${inFlight} in flight`;
  return [
    { label: baseline, patterns: 1, busy: 1, inFlight },
    ...GROWN.map((count) => ({
      label: `${named(count)}, ${inFlight} in flight`,
      baseline,
      patterns: count,
      busy: 1,
      inFlight,
    })),
  ];
}

export const patterns: Workload<Patterns> = {
  title: 'Patterns: requests to a server with a growing number of handlers, one or all of them in use',
  metrics: REQUEST_METRICS,
  contenders: ['stream-transport', 'nest-redis'],
  comparison: 'baseline',
  variants: [
    ...growth(256),
    ...[100, 1_000].map((count) => ({
      label: `${named(count)}, all used, 256 in flight`,
      baseline: '1 pattern, 256 in flight',
      patterns: count,
      busy: count,
      inFlight: 256,
    })),
    ...growth(1),
  ],

  async run(stage, variant, { seconds }) {
    await stage.start({ patterns: variant.patterns });
    const { inFlight, busy } = variant;
    return [{ label: variant.label, figures: await measureRequests(stage, { inFlight, seconds, patterns: busy }) }];
  },
};
