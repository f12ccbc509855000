import type { Workload } from '../workload.js';
import { clients } from './clients.js';
import { drain } from './drain.js';
import { events } from './events.js';
import { memory } from './memory.js';
import { patterns } from './patterns.js';
import { payloads } from './payloads.js';
import { pending } from './pending.js';
import { recovery } from './recovery.js';
import { requests } from './requests.js';
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
