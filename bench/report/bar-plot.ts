import { CONTENDERS } from '../contenders/index.js';
import { titleOf, type Summary } from './summary.js';
import { colourOf, grouped, legend, line, picture, text, ticksFor, WIDTH } from './svg.js';

const LEFT = 220;
const RIGHT = 90;
const BAR = 14;
const GAP = 14;
const AXIS = 40;

/** The color of a contender, the same in every plot. */
const colourFor = (contender: string): string => colourOf(CONTENDERS.findIndex(({ name }) => name === contender));

/** Plots the first metric: a bar per contender at each size, with a thin line from the lowest to the highest round. */
export function barPlot({ title, metrics, rows }: Summary): string {
  const [metric] = metrics;
  if (!metric) throw new Error('There is nothing to plot without a metric');
  const unique = (values: readonly string[]): string[] => [...new Set(values)];
  const ticks = ticksFor(Math.max(...rows.map(({ spreads }) => spreads[metric.key]?.highest ?? 0)));
  const scale = (WIDTH - LEFT - RIGHT) / (ticks.at(-1) ?? 1);
  const x = (value: number): number => LEFT + value * scale;

  const contenders = unique(rows.map(({ contender }) => contender));
  const names = legend(contenders.map((name) => [titleOf(name), colourFor(name)]));
  const bars: string[] = [];
  let y = names.bottom;
  for (const label of unique(rows.map((row) => row.label))) {
    const members = rows.filter((row) => row.label === label);
    bars.push(text(LEFT - 8, y + (members.length * BAR) / 2 + 4, label, 'text-anchor="end"'));
    for (const { contender, spreads } of members) {
      const { median = 0, lowest = 0, highest = 0 } = spreads[metric.key] ?? {};
      bars.push(
        `<rect x="${LEFT}" y="${y}" width="${(median * scale).toFixed(1)}" height="${BAR - 2}" fill="${colourFor(contender)}"/>`,
        line(x(lowest), y + BAR / 2 - 1, x(highest), y + BAR / 2 - 1, 'class="spread"'),
        text(x(highest) + 6, y + BAR - 4, grouped(Number(median.toFixed(metric.digits))), 'class="faint"'),
      );
      y += BAR;
    }
    y += GAP;
  }
  const axis = ticks.flatMap((tick) => [
    line(x(tick), names.bottom - 4, x(tick), y, 'class="rule"'),
    text(x(tick), y + 14, grouped(tick), 'text-anchor="middle" class="faint"'),
  ]);
  const caption = `${metric.title}${metric.better === undefined ? '' : `, ${metric.better} is better`}`;
  const unit = text(LEFT, y + 32, caption, 'class="faint"');
  return picture(title, y + AXIS, [...names.svg, ...axis, ...bars, unit]);
}
