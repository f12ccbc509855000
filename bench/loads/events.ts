import type { Caller } from '../contender.js';
import { PAYLOAD } from '../payload.js';
import type { Figures } from '../workload.js';
import { keepInFlight, within } from './in-flight.js';

const IN_FLIGHT = 256;

export interface EventLoad {
  readonly kind: 'events';
  readonly count: number;
}

/** Emits events and returns the start and the end by the wall clock. */
export async function emitEvents(caller: Caller, { count }: EventLoad): Promise<Figures> {
  const startedAt = performance.timeOrigin + performance.now();
  await keepInFlight(IN_FLIGHT, within({ count }), () => caller.emit(PAYLOAD));
  return { startedAt, emittedAt: performance.timeOrigin + performance.now() };
}
