import { echoPattern, type Caller } from '../contender.js';
import { distinct, payloadOf } from '../payload.js';
import { quantile } from '../statistics.js';
import type { Figures } from '../workload.js';
import { keepInFlight, within, type Extent } from './in-flight.js';

export interface RequestLoad {
  readonly kind: 'requests';
  readonly inFlight: number;
  readonly extent: Extent;
  readonly bytes: number;
  /** Number of patterns that the requests go to in turn. */
  readonly patterns: number;
}

/** Keeps `inFlight` requests in flight and times each of them. */
export async function sendRequests(
  caller: Caller,
  { inFlight, extent, bytes, patterns }: RequestLoad,
): Promise<Figures> {
  const latencies: number[] = [];
  const payload = payloadOf(bytes);
  const names = Array.from({ length: patterns }, (_, index) => echoPattern(index));
  let next = 0;
  const started = performance.now();
  await keepInFlight(inFlight, within(extent), async () => {
    const sent = performance.now();
    await caller.send(distinct(payload, next), names[next++ % patterns]);
    latencies.push(performance.now() - sent);
  });
  const seconds = (performance.now() - started) / 1_000;
  return {
    messages: latencies.length,
    rate: latencies.length / seconds,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
  };
}
