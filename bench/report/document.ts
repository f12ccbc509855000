import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { barPlot } from './bar-plot.js';
import { linePlot } from './line-plot.js';
import { markdownOf, withSection } from './markdown.js';
import type { Summary } from './summary.js';

const PATH = fileURLToPath(new URL('../../docs/benchmarks.md', import.meta.url));
const PLOTS = fileURLToPath(new URL('../../docs/benchmarks/', import.meta.url));

/** Writes the tables and the plot of one workload to docs/benchmarks.md and leaves the rest unchanged. */
export async function writeSection(summary: Summary, measuredOn: string): Promise<void> {
  const plot = `${summary.name}.svg`;
  mkdirSync(PLOTS, { recursive: true });
  // Memory is not compared but watched over time.
  writeFileSync(PLOTS + plot, summary.name === 'memory' ? linePlot(summary) : barPlot(summary));
  const content = markdownOf(summary, measuredOn, `benchmarks/${plot}`);
  const document = withSection(readFileSync(PATH, 'utf8'), summary.name, content);
  writeFileSync(PATH, await format(document, { ...(await resolveConfig(PATH)), filepath: PATH }));
}
