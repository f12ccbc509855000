import type { CpuTimes, Stage } from './stage.js';

/** Numbers that one measurement came to, by the key of their metric. */
export type Figures = Readonly<Record<string, number>>;

export interface Metric {
  readonly key: string;
  readonly title: string;
  readonly digits: number;
  /** Undefined: shown, but not compared. */
  readonly better?: 'higher' | 'lower';
}

/** One size of a workload. What else `run` needs to know of it is its own affair. */
export interface Variant {
  readonly label: string;
  /** The label of the size that this one's growth is measured by, where that is the question. */
  readonly baseline?: string;
}

/** How much of it; all of it can be said on the command line. */
export interface Effort {
  /** How long a measurement lasts, where it is not bounded by a number of messages. */
  readonly seconds: number;
  /** Messages that wait when consumers begin to drain them. */
  readonly backlog: number;
  /** Messages during which memory is watched. */
  readonly messages: number;
}

export interface Measurement {
  readonly label: string;
  readonly figures: Figures;
}

/** One question that is put to some of the contenders, in several sizes. A new workload is one file beside the others. */
export interface Workload<V extends Variant = Variant> {
  readonly title: string;
  /** The first one is what a plot shows. */
  readonly metrics: readonly Metric[];
  /** Names of those who can do it. */
  readonly contenders: readonly string[];
  readonly variants: readonly V[];
  /** The library with the others at the same size, each contender with itself at another size, or nothing. */
  readonly comparison: 'contenders' | 'baseline' | 'none';
  /** For what takes long and varies little. */
  readonly maxRounds?: number;
  /** One turn of one contender, on processes of its own. */
  run(stage: Stage, variant: V, effort: Effort): Promise<readonly Measurement[]>;
}

/** CPU time does not mind what else the machine does, so it is the steadier figure on a busy one. */
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
