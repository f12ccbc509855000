import type { Spread } from '../statistics.js';
import type { Metric } from '../figures.js';
import { titleOf, type Summary, type Verdict } from './summary.js';

/** The first row is the header; the first two columns are text, the others numbers. */
export type Table = readonly (readonly string[])[];

/** The medians of all contenders. */
export function figuresTable({ metrics, rows }: Summary): Table {
  return [
    ['', '', ...metrics.map(({ title }) => title)],
    ...rows.map(({ label, contender, spreads }) => [
      label,
      titleOf(contender),
      ...metrics.map((metric) => decimal(spreads[metric.key]?.median ?? NaN, metric)),
    ]),
  ];
}

/** How many times better, within the same round: median (lowest to highest). */
export function comparisonTable({ metrics, comparisons, rows }: Summary): Table {
  const compared = metrics.filter(({ better }) => better !== undefined);
  return [
    ['', 'against', ...compared.map(({ title }) => title)],
    ...comparisons.map(({ label, contender, against, spreads }) => {
      const isContender = rows.some((row) => row.contender === against);
      const [first, second] = isContender ? [label, titleOf(against)] : [`${label}: ${titleOf(contender)}`, against];
      return [first, second, ...compared.map(({ key }) => ratio(spreads[key]))];
    }),
  ];
}

export function verdictLine({ target, reached, isMet }: Verdict, { metrics, rows }: Summary): string {
  const metric = metrics.find(({ key }) => key === target.metric)?.title ?? target.metric;
  const against = rows.some(({ contender }) => contender === target.against) ? titleOf(target.against) : target.against;
  const verdict = isMet ? 'met' : 'missed';
  return `${target.label}, ${metric}: at least ${target.atLeast} times as good as ${against}: ${reached.toFixed(2)}, ${verdict}`;
}

function alignedLines(table: Table): string[] {
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((row) => (row[column] ?? '').length)));
  return table.map((row) =>
    row
      .map((cell, column) => (column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

const decimal = (value: number, { digits }: Metric): string =>
  value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });

function ratio(spread: Spread | undefined): string {
  if (!spread) return '';
  const [median, lowest, highest] = [spread.median, spread.lowest, spread.highest].map((value) => value.toFixed(2));
  return `${median} (${lowest} to ${highest})`;
}

/** The summary as text for a terminal. */
export function textOf(summary: Summary): string {
  const lines = [`${summary.title}: medians of ${summary.rounds}`, ...alignedLines(figuresTable(summary))];
  if (summary.comparisons.length > 0) {
    lines.push('', 'times better within the same round: median (lowest to highest)');
    lines.push(...alignedLines(comparisonTable(summary)));
  }
  lines.push(...summary.verdicts.map((verdict) => `target: ${verdictLine(verdict, summary)}`));
  return lines.join('\n');
}
