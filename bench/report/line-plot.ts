import type { Summary } from './summary.js';
import { colourOf, grouped, legend, line, picture, text, ticksFor, WIDTH } from './svg.js';

const LEFT = 60;
const RIGHT = 20;
const PLOT = 200;
const GAP = 60;

/** Plots all metrics over the sizes. Sizes with different endings (`0 requests`, `0 events`) get separate panels. */
export function linePlot({ title, metrics, rows }: Summary): string {
  const kindOf = (label: string): string => label.replace(/^\S+ /, '');
  const highest = rows.flatMap(({ spreads }) => Object.values(spreads).map((spread) => spread.highest));
  const ticks = ticksFor(Math.max(...highest));
  const scale = PLOT / (ticks.at(-1) ?? 1);

  const names = legend(metrics.map((metric, index) => [metric.title, colourOf(index)]));
  const svg = [...names.svg];
  let top = names.bottom;
  for (const kind of new Set(rows.map(({ label }) => kindOf(label)))) {
    const members = rows.filter(({ label }) => kindOf(label) === kind);
    const bottom = top + PLOT;
    const step = (WIDTH - LEFT - RIGHT) / Math.max(1, members.length - 1);
    for (const tick of ticks) {
      const y = bottom - tick * scale;
      svg.push(line(LEFT, y, WIDTH - RIGHT, y, 'class="rule"'));
      svg.push(text(LEFT - 6, y + 4, grouped(tick), 'text-anchor="end" class="faint"'));
    }
    metrics.forEach(({ key }, index) => {
      const points = members.map(({ spreads }, at) => {
        const y = bottom - (spreads[key]?.median ?? 0) * scale;
        return `${(LEFT + at * step).toFixed(1)},${y.toFixed(1)}`;
      });
      svg.push(`<polyline points="${points.join(' ')}" fill="none" stroke="${colourOf(index)}" stroke-width="2"/>`);
    });
    svg.push(text(LEFT, bottom + 18, members[0]?.label ?? '', 'class="faint"'));
    svg.push(text(WIDTH - RIGHT, bottom + 18, members.at(-1)?.label ?? '', 'text-anchor="end" class="faint"'));
    top = bottom + GAP;
  }
  return picture(title, top - GAP / 2, svg);
}
