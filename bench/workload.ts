import type { CpuTimes, Stage } from './stage.js';

/** The results of one measurement, by key of the metric. */
export type Figures = Readonly<Record<string, number>>;

export interface Metric {
  readonly key: string;
  readonly title: string;
  readonly digits: number;
  /** Undefined: shown, but not compared. */
  readonly better?: 'higher' | 'lower';
}

/** One size of a workload. Each workload adds what its `run` needs. */
export interface Variant {
  readonly label: string;
  /** Label of the size that this one is compared with, in workloads that measure growth. */
  readonly baseline?: string;
}

/** How much to measure; each field is an option on the command line. */
export interface Effort {
  /** Length of a measurement that is not bounded by a number of messages. */
  readonly seconds: number;
  /** Messages in the backlog when consumers start to drain it. */
  readonly backlog: number;
  /** Messages sent while memory is watched. */
  readonly messages: number;
}

export interface Measurement {
  readonly label: string;
  readonly figures: Figures;
}

/** One scenario for some of the contenders, in several sizes. A new workload is one file next to the others. */
export interface Workload<V extends Variant = Variant> {
  readonly title: string;
  /** A bar plot shows the first one. */
  readonly metrics: readonly Metric[];
  /** Names of the contenders that support the workload. */
  readonly contenders: readonly string[];
  readonly variants: readonly V[];
  /** Compares the library with the others at the same size, each contender with itself at another size, or nothing. */
  readonly comparison: 'contenders' | 'baseline' | 'none';
  /** For workloads that take long and vary little. */
  readonly maxRounds?: number;
  /** One turn of one contender, on processes of its own. */
  run(stage: Stage, variant: V, effort: Effort): Promise<readonly Measurement[]>;
}

/** CPU time depends less on other load, so it is the steadier figure on a busy machine. */
export const CPU_METRICS: readonly Metric[] = [
  { key: 'cpu', title: 'CPU µs/message', better: 'lower', digits: 0 },
  { key: 'cpuClient', title: 'client µs', digits: 0 },
  { key: 'cpuServer', title: 'server µs', digits: 0 },
  { key: 'cpuBroker', title: 'broker µs', digits: 0 },
];

/** The figures of `CPU_METRICS`. */
export function cpuFigures(before: CpuTimes, after: CpuTimes, messages: number): Figures {
  const [cpuClient, cpuServer, cpuBroker] = (['client', 'server', 'broker'] as const).map(
    (side) => (after[side] - before[side]) / messages,
  ) as [number, number, number];
  return { cpu: cpuClient + cpuServer + cpuBroker, cpuClient, cpuServer, cpuBroker };
}
