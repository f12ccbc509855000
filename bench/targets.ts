/** How good this library has to be, as a multiple of what it is compared with, on an otherwise idle machine. */
export interface Target {
  readonly workload: string;
  readonly label: string;
  readonly metric: string;
  /** Another contender, or the baseline size of a workload that measures growth. */
  readonly against: string;
  readonly atLeast: number;
}

export const TARGETS: readonly Target[] = [
  { workload: 'requests', label: '256 in flight', metric: 'rate', against: 'nest-redis', atLeast: 1 },
  { workload: 'requests', label: '256 in flight', metric: 'rate', against: 'raw-streams', atLeast: 0.85 },
  // At most 1.25 times the latency.
  { workload: 'requests', label: '1 in flight', metric: 'p50', against: 'nest-redis', atLeast: 0.8 },
  { workload: 'events', label: '100 B', metric: 'handledRate', against: 'nest-redis', atLeast: 1.35 },
  ...['1 consumer', '2 consumers', '4 consumers'].map((label) => ({
    workload: 'drain',
    label,
    metric: 'rate',
    against: 'raw-streams',
    atLeast: 0.7,
  })),
  {
    workload: 'patterns',
    label: '1,000 patterns, 256 in flight',
    metric: 'rate',
    against: '1 pattern, 256 in flight',
    atLeast: 0.9,
  },
  { workload: 'clients', label: '200 idle', metric: 'rate', against: '0 idle', atLeast: 0.9 },
];

export const targetsOf = (workload: string): Target[] => TARGETS.filter((target) => target.workload === workload);

/** @throws {Error} if there is no such target */
export function targetOf(workload: string, metric: string, against: string): Target {
  const found = targetsOf(workload).find((each) => each.metric === metric && each.against === against);
  if (!found) throw new Error(`There is no target for ${metric} of ${workload} against ${against}`);
  return found;
}
