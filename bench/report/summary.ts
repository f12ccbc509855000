import { contenderNamed } from '../contenders/index.js';
import { spreadOf, type Spread } from '../statistics.js';
import { targetsOf, type Target } from '../targets.js';
import type { Figures, Metric, Workload } from '../workload.js';

/** The result of one contender in one round, at one size. */
export interface Sample {
  readonly round: number;
  readonly contender: string;
  readonly label: string;
  readonly figures: Figures;
}

export interface Row {
  readonly label: string;
  readonly contender: string;
  /** By key of the metric. */
  readonly spreads: Readonly<Record<string, Spread>>;
}

/** How many times better `contender` is than what it is compared with, by key of the metric. */
export interface Comparison extends Row {
  /** Another contender at the same size, or the same one at another size. */
  readonly against: string;
}

export interface Verdict {
  readonly target: Target;
  readonly reached: number;
  readonly isMet: boolean;
}

export interface Summary {
  readonly name: string;
  readonly title: string;
  readonly rounds: number;
  readonly metrics: readonly Metric[];
  readonly rows: readonly Row[];
  readonly comparisons: readonly Comparison[];
  readonly verdicts: readonly Verdict[];
  /** The samples behind all of these figures. */
  readonly samples: readonly Sample[];
}

export const titleOf = (contender: string): string => contenderNamed(contender).title;

/** Medians over the rounds. Ratios are taken within each round first: a busy minute then affects both numbers. */
export function summarize(name: string, workload: Workload, samples: readonly Sample[]): Summary {
  const { title, metrics } = workload;
  const comparisons = compare(workload, samples);
  return {
    name,
    title,
    rounds: new Set(samples.map(({ round }) => round)).size,
    metrics,
    rows: places(samples).map(({ label, contender }) => ({
      label,
      contender,
      spreads: spreads(metrics, (metric) => valuesOf(samples, { label, contender }, metric)),
    })),
    comparisons,
    verdicts: targetsOf(name).flatMap((target) => judge(target, comparisons)),
    samples,
  };
}

interface Place {
  readonly label: string;
  readonly contender: string;
}

const isAt =
  ({ label, contender }: Place) =>
  (sample: Sample): boolean =>
    sample.label === label && sample.contender === contender;

/** By size, then by contender, in the order of their first appearance. */
function places(samples: readonly Sample[]): Place[] {
  const unique = (values: readonly string[]): string[] => [...new Set(values)];
  const contenders = unique(samples.toSorted((a, b) => a.round - b.round).map(({ contender }) => contender));
  return unique(samples.map(({ label }) => label)).flatMap((label) =>
    contenders
      .map((contender) => ({ label, contender }))
      .filter((place) => samples.some((sample) => isAt(place)(sample))),
  );
}

function compare(workload: Workload, samples: readonly Sample[]): Comparison[] {
  const compared = workload.metrics.filter(({ better }) => better !== undefined);
  return places(samples).flatMap((place) => {
    const pair = pairOf(workload, place);
    if (!pair) return [];
    const [first, second] = pair;
    const ratios = spreads(compared, (metric) => advantages(samples, first, second, metric));
    if (Object.values(ratios).some(({ median }) => Number.isNaN(median))) return [];
    const against = workload.comparison === 'contenders' ? second.contender : second.label;
    return [{ ...first, against, spreads: ratios }];
  });
}

/** The pair to compare: the library and another contender, or a size and its baseline. */
function pairOf({ comparison, contenders, variants }: Workload, place: Place): [Place, Place] | undefined {
  if (comparison === 'contenders') {
    const [library = place.contender] = contenders;
    return place.contender === library ? undefined : [{ ...place, contender: library }, place];
  }
  const baseline = variants.find(({ label }) => label === place.label)?.baseline;
  return baseline === undefined ? undefined : [place, { ...place, label: baseline }];
}

/** Above 1 the first is better, for every metric. */
function advantages(samples: readonly Sample[], first: Place, second: Place, { key, better }: Metric): number[] {
  return samples.filter(isAt(first)).flatMap(({ round, figures }) => {
    const other = samples.filter(isAt(second)).find((sample) => sample.round === round)?.figures[key];
    const own = figures[key];
    if (own === undefined || other === undefined) return [];
    return [better === 'lower' ? other / own : own / other];
  });
}

function valuesOf(samples: readonly Sample[], place: Place, { key }: Metric): number[] {
  return samples.filter(isAt(place)).map(({ figures }) => figures[key] ?? NaN);
}

function spreads(metrics: readonly Metric[], valuesFor: (metric: Metric) => number[]): Record<string, Spread> {
  return Object.fromEntries(metrics.map((metric) => [metric.key, spreadOf(valuesFor(metric))]));
}

function judge(target: Target, comparisons: readonly Comparison[]): Verdict[] {
  const reached = comparisons.find(
    ({ label, contender, against }) =>
      label === target.label && contender === 'stream-transport' && against === target.against,
  )?.spreads[target.metric]?.median;
  return reached === undefined ? [] : [{ target, reached, isMet: reached >= target.atLeast }];
}
