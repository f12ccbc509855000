import type { Figures, Metric } from './figures.js';
import type { Stage } from './stage.js';

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

/** One size of a workload. */
export interface Variant {
  readonly label: string;
  /** Label of the size that this one is compared with, in workloads that measure growth. */
  readonly baseline?: string;
  /** One turn of one contender, on processes of its own. */
  run(stage: Stage, effort: Effort): Promise<Figures | Measurement[]>;
}

/** One scenario for some of the contenders, in several sizes. */
export interface Workload {
  readonly title: string;
  /** A bar plot shows the first one. */
  readonly metrics: readonly Metric[];
  /** Names of the contenders that support the workload. */
  readonly contenders: readonly string[];
  readonly variants: readonly Variant[];
  /** Compares the library with the others at the same size, each contender with itself at another size, or nothing. */
  readonly comparison: 'contenders' | 'baseline' | 'none';
  /** For workloads that take long and vary little. */
  readonly maxRounds?: number;
}
