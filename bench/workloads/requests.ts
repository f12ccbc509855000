import type { Workload } from '../workload.js';
import { REQUEST_METRICS, requestSize } from './request-load.js';

const PAYLOADS_IN_FLIGHT = 16;

export const requests: Workload = {
  title: 'Requests: from send() until the reply arrives',
  metrics: REQUEST_METRICS,
  contenders: ['stream-transport', 'nest-redis', 'nest-tcp', 'nest-nats', 'raw-streams'],
  comparison: 'contenders',
  variants: [1, 16, 256].map((inFlight) => requestSize(`${inFlight} in flight`, { inFlight })),
};

export const payloads: Workload = {
  ...requests,
  title: `Payloads: requests with larger data in both directions, ${PAYLOADS_IN_FLIGHT} in flight`,
  variants: (
    [
      ['100 B', 100],
      ['1 kB', 1_000],
      ['64 kB', 64_000],
    ] as const
  ).map(([label, bytes]) => requestSize(label, { inFlight: PAYLOADS_IN_FLIGHT, bytes })),
};
