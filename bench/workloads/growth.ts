/** Requests to a server, a broker or a stream that has more and more to look after. */
import type { Redis } from 'ioredis';
import { ECHO, GROUP } from '../contender.js';
import type { Variant, Workload } from '../workload.js';
import { addBacklog } from './events.js';
import { measureRequests, REQUEST_METRICS, requestSize } from './request-load.js';

const IN_FLIGHT = 256;
const NOTHING_PENDING = 'nothing pending';
/** With a lease so long, the server does not take over the entries of the other consumer. */
const LONG_LEASE = { leaseMs: 600_000, sweepMs: 5_000 };

const shared = {
  metrics: REQUEST_METRICS,
  contenders: ['stream-transport', 'nest-redis'],
  comparison: 'baseline',
} as const;

export const patterns: Workload = {
  ...shared,
  title: 'Patterns: requests to a server with a growing number of handlers, one or all of them in use',
  variants: [
    ...patternSizes(IN_FLIGHT),
    ...[100, 1_000].map((count) => ({
      ...requestSize(
        `${named(count)}, all used, ${IN_FLIGHT} in flight`,
        { inFlight: IN_FLIGHT, patterns: count },
        { patterns: count },
      ),
      baseline: onePattern(IN_FLIGHT),
    })),
    // Many requests in flight share a read; a single one pays for all streams that its read has to name.
    ...patternSizes(1),
  ],
};

export const clients: Workload = {
  ...shared,
  title: `Clients: requests of one client, ${IN_FLIGHT} in flight, while others are connected and idle`,
  variants: [0, 1, 20, 200].map((idle) => ({
    label: `${idle} idle`,
    baseline: '0 idle',
    async run(stage, { seconds }) {
      await stage.start();
      await stage.addIdleCallers(idle);
      return measureRequests(stage, { inFlight: IN_FLIGHT }, seconds);
    },
  })),
};

export const pending: Workload = {
  ...shared,
  title: `Pending: requests, ${IN_FLIGHT} in flight, while another consumer of the group holds entries`,
  contenders: ['stream-transport', 'raw-streams'],
  variants: [
    pendingSize(NOTHING_PENDING, 0),
    ...[10_000, 100_000].map((count) => ({
      ...pendingSize(`${count.toLocaleString('en-US')} pending`, count),
      baseline: NOTHING_PENDING,
    })),
  ],
};

function named(count: number): string {
  return `${count.toLocaleString('en-US')} patterns`;
}

function onePattern(inFlight: number): string {
  return `1 pattern, ${inFlight} in flight`;
}

function patternSizes(inFlight: number): Variant[] {
  const baseline = onePattern(inFlight);
  const sizes = [10, 100, 1_000].map((count) =>
    requestSize(`${named(count)}, ${inFlight} in flight`, { inFlight }, { patterns: count }),
  );
  return [requestSize(baseline, { inFlight }), ...sizes.map((size) => ({ ...size, baseline }))];
}

function pendingSize(label: string, count: number): Variant {
  return {
    label,
    async run(stage, { seconds }) {
      await holdElsewhere(stage.brokers.observer, count);
      await stage.start({ takeover: LONG_LEASE });
      // Long enough for a sweep, which looks through the pending list.
      return measureRequests(stage, { inFlight: IN_FLIGHT }, seconds * 2);
    },
  };
}

async function holdElsewhere(redis: Redis, count: number): Promise<void> {
  if (count === 0) return;
  await redis.xgroup('CREATE', ECHO, GROUP, '0', 'MKSTREAM');
  await addBacklog(redis, ECHO, count);
  await redis.xreadgroup('GROUP', GROUP, 'another', 'COUNT', count, 'STREAMS', ECHO, '>');
}
