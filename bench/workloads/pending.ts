import type { Redis } from 'ioredis';
import { ECHO, GROUP } from '../contender.js';
import type { Variant, Workload } from '../workload.js';
import { addBacklog } from './backlog.js';
import { measureRequests, REQUEST_METRICS } from './request-turn.js';

interface Pending extends Variant {
  readonly pending: number;
}

const IN_FLIGHT = 256;
const BASELINE = 'nothing pending';
/** Long enough that the server does not take over the entries of the other consumer. */
const LEASE_MS = 600_000;
const SWEEP_MS = 5_000;

export const pending: Workload<Pending> = {
  title: `Pending: requests, ${IN_FLIGHT} in flight, while another consumer of the group holds entries`,
  metrics: REQUEST_METRICS,
  contenders: ['stream-transport', 'raw-streams'],
  comparison: 'baseline',
  variants: [
    { label: BASELINE, pending: 0 },
    { label: '10,000 pending', baseline: BASELINE, pending: 10_000 },
    { label: '100,000 pending', baseline: BASELINE, pending: 100_000 },
  ],

  async run(stage, variant, { seconds }) {
    await holdElsewhere(stage.brokers.observer, variant.pending);
    await stage.start({ takeover: { leaseMs: LEASE_MS, sweepMs: SWEEP_MS } });
    // Long enough for a sweep, which looks through the pending list.
    const figures = await measureRequests(stage, { inFlight: IN_FLIGHT, seconds: seconds * 2 });
    return [{ label: variant.label, figures }];
  },
};

async function holdElsewhere(redis: Redis, count: number): Promise<void> {
  if (count === 0) return;
  await redis.xgroup('CREATE', ECHO, GROUP, '0', 'MKSTREAM');
  await addBacklog(redis, ECHO, count);
  await redis.xreadgroup('GROUP', GROUP, 'another', 'COUNT', count, 'STREAMS', ECHO, '>');
}
