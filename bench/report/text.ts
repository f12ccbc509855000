import type { Summary } from './summary.js';
import { alignedLines, comparisonTable, figuresTable, verdictLine } from './table.js';

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
