import { contenderNamed } from '../contenders/index.js';
import type { Figures, Metric } from '../figures.js';
import { spreadOf, type Spread } from '../statistics.js';
import { targetsOf, type Target } from '../targets.js';
import type { Workload } from '../workload.js';

/** One contender at one size. */
interface Case {
  readonly label: string;
  readonly contender: string;
}

/** The result of one round. */
export interface Sample extends Case {
  readonly round: number;
  readonly figures: Figures;
}

/** Figures by key of the metric, over all rounds. */
type Spreads = Readonly<Record<string, Spread>>;

interface Row extends Case {
  readonly spreads: Spreads;
}

/** How many times better `contender` is than what it is compared with. */
interface Comparison extends Row {
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
  const cases = casesOf(samples);
  const comparisons = cases.flatMap((each) => compare(workload, samples, each));
  return {
    name,
    title,
    rounds: new Set(samples.map(({ round }) => round)).size,
    metrics,
    rows: cases.map((each) => ({
      ...each,
      spreads: spreads(metrics, ({ key }) => samples.filter(isOf(each)).map(({ figures }) => figures[key] ?? NaN)),
    })),
    comparisons,
    verdicts: targetsOf(name).flatMap((target) => judge(target, comparisons)),
    samples,
  };
}

const isOf =
  ({ label, contender }: Case) =>
  (sample: Sample): boolean =>
    sample.label === label && sample.contender === contender;

/** By size, then by contender, in the order of their first appearance. */
function casesOf(samples: readonly Sample[]): Case[] {
  const unique = (values: readonly string[]): string[] => [...new Set(values)];
  const contenders = unique(samples.toSorted((a, b) => a.round - b.round).map(({ contender }) => contender));
  return unique(samples.map(({ label }) => label))
    .flatMap((label) => contenders.map((contender) => ({ label, contender })))
    .filter((each) => samples.some(isOf(each)));
}

/** Nothing if there is nothing to compare with. */
function compare(workload: Workload, samples: readonly Sample[], each: Case): Comparison[] {
  const pair = pairOf(workload, each);
  if (!pair) return [];
  const [first, second] = pair;
  const compared = workload.metrics.filter(({ better }) => better !== undefined);
  const ratios = spreads(compared, (metric) => advantages(samples, first, second, metric));
  if (Object.values(ratios).some(({ median }) => Number.isNaN(median))) return [];
  return [
    { ...first, against: workload.comparison === 'contenders' ? second.contender : second.label, spreads: ratios },
  ];
}

/** The pair to compare: the library and another contender, or a size and its baseline. */
function pairOf({ comparison, contenders, variants }: Workload, each: Case): [Case, Case] | undefined {
  if (comparison === 'contenders') {
    const [library = each.contender] = contenders;
    return each.contender === library ? undefined : [{ ...each, contender: library }, each];
  }
  const baseline = variants.find(({ label }) => label === each.label)?.baseline;
  return baseline === undefined ? undefined : [each, { ...each, label: baseline }];
}

/** Above 1 the first is better, for every metric. */
function advantages(samples: readonly Sample[], first: Case, second: Case, { key, better }: Metric): number[] {
  return samples.filter(isOf(first)).flatMap(({ round, figures }) => {
    const other = samples.filter(isOf(second)).find((sample) => sample.round === round)?.figures[key];
    const own = figures[key];
    if (own === undefined || other === undefined) return [];
    return [better === 'lower' ? other / own : own / other];
  });
}

const spreads = (metrics: readonly Metric[], valuesFor: (metric: Metric) => number[]): Spreads =>
  Object.fromEntries(metrics.map((metric) => [metric.key, spreadOf(valuesFor(metric))]));

function judge(target: Target, comparisons: readonly Comparison[]): Verdict[] {
  const reached = comparisons.find(
    ({ label, contender, against }) =>
      label === target.label && contender === 'stream-transport' && against === target.against,
  )?.spreads[target.metric]?.median;
  return reached === undefined ? [] : [{ target, reached, isMet: reached >= target.atLeast }];
}
