import type { Contender } from './contender.js';
import { median } from './statistics.js';
import type { Figures, Metric } from './workload.js';

/** The turns of one workload: for each round, what each contender reached, by name. */
export type Rounds = readonly ReadonlyMap<string, Figures>[];

const values = (rounds: Rounds, contender: Contender, metric: Metric): number[] =>
  rounds.map((round) => round.get(contender.name)?.[metric.key] ?? NaN);

/** How many times better the first is than the second, round by round: above 1 it wins, whatever the metric. */
function advantages(rounds: Rounds, first: Contender, second: Contender, metric: Metric): number[] {
  const [mine, theirs] = [values(rounds, first, metric), values(rounds, second, metric)];
  return mine.map((own, round) => {
    const other = theirs[round] ?? NaN;
    return metric.better === 'higher' ? own / other : other / own;
  });
}

export function printTables(
  title: string,
  metrics: readonly Metric[],
  contenders: readonly Contender[],
  rounds: Rounds,
): void {
  const header = metrics.map((metric) => metric.title);
  console.log(`\n${title}\nmedians of ${rounds.length} rounds`);
  printTable(
    ['', ...header],
    contenders.map((contender) => [
      contender.title,
      ...metrics.map((metric) => median(values(rounds, contender, metric)).toFixed(metric.digits)),
    ]),
  );

  const [library, ...others] = contenders;
  if (!library || others.length === 0) return;
  console.log(`\n${library.title}, times better within the same round: median (lowest to highest)`);
  printTable(
    ['against', ...header],
    others.map((other) => [
      other.title,
      ...metrics.map((metric) => spread(advantages(rounds, library, other, metric))),
    ]),
  );
}

export function toJson(
  workload: string,
  metrics: readonly Metric[],
  contenders: readonly Contender[],
  rounds: Rounds,
): object {
  const [library, ...others] = contenders;
  const ofContender = (contender: Contender): object =>
    Object.fromEntries(
      metrics.map((metric) => {
        const all = values(rounds, contender, metric);
        return [metric.key, { median: median(all), values: all }];
      }),
    );
  const against = (other: Contender): object =>
    Object.fromEntries(
      metrics.map((metric) => [metric.key, library ? median(advantages(rounds, library, other, metric)) : null]),
    );
  return {
    workload,
    rounds: rounds.length,
    figures: Object.fromEntries(contenders.map((each) => [each.name, ofContender(each)])),
    timesBetter: Object.fromEntries(others.map((each) => [each.name, against(each)])),
  };
}

function spread(all: readonly number[]): string {
  return `${median(all).toFixed(2)} (${Math.min(...all).toFixed(2)} to ${Math.max(...all).toFixed(2)})`;
}

function printTable(header: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = header.map((_, column) => Math.max(...[header, ...rows].map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ');
  console.log(line(header));
  for (const row of rows) console.log(line(row));
}
