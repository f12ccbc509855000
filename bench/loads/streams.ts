import type { Caller } from '../contender.js';
import type { Figures } from '../workload.js';
import { keepInFlight, within, type Extent } from './in-flight.js';

export interface StreamLoad {
  readonly kind: 'streams';
  readonly inFlight: number;
  readonly parts: number;
  readonly extent: Extent;
}

/** Keeps `inFlight` requests for streamed replies in flight and counts the values that arrive. */
export async function collectStreams(caller: Caller, { inFlight, parts, extent }: StreamLoad): Promise<Figures> {
  let values = 0;
  const started = performance.now();
  await keepInFlight(inFlight, within(extent), async () => {
    const came = await caller.collect(parts);
    if (came !== parts) throw new Error(`Expected a reply of ${parts} values, got ${came}`);
    values += came;
  });
  return { messages: values, rate: (values / (performance.now() - started)) * 1_000 };
}
