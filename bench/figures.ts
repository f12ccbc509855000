/** The results of one measurement, by key of the metric. */
export type Figures = Readonly<Record<string, number>>;

export interface Metric {
  readonly key: string;
  readonly title: string;
  readonly digits: number;
  /** Undefined: shown, but not compared. */
  readonly better?: 'higher' | 'lower';
}

/** CPU time depends less on other load, so it is the steadier figure on a busy machine. */
export const CPU_METRICS: readonly Metric[] = [
  { key: 'cpu', title: 'CPU µs/message', better: 'lower', digits: 0 },
  { key: 'cpuClient', title: 'client µs', digits: 0 },
  { key: 'cpuServer', title: 'server µs', digits: 0 },
  { key: 'cpuBroker', title: 'broker µs', digits: 0 },
];

/** Milliseconds of the wall clock, which all processes share. */
export const wallClock = (): number => performance.timeOrigin + performance.now();
