import type { Workload } from '../workload.js';
import { drain, events, recovery } from './events.js';
import { clients, patterns, pending } from './growth.js';
import { memory } from './memory.js';
import { payloads, requests } from './requests.js';
import { streams } from './streams.js';

/** In the order in which they run and are reported. */
export const WORKLOADS: ReadonlyMap<string, Workload> = new Map(
  Object.entries({ requests, payloads, events, drain, streams, recovery, patterns, clients, pending, memory }),
);

export function workloadNamed(name: string): Workload {
  const found = WORKLOADS.get(name);
  if (!found) throw new Error(`No workload is called ${name}. Workloads: ${[...WORKLOADS.keys()].join(', ')}`);
  return found;
}
