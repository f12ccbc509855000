import { comparisonTable, figuresTable, verdictLine, type Table } from './table.js';
import type { Summary } from './summary.js';

/** The content between the marks of a workload in the document. */
export function markdownOf(summary: Summary, measuredOn: string, plot: string): string {
  const parts = [
    `![${summary.title}](${plot})`,
    `Medians of ${summary.rounds} ${summary.rounds === 1 ? 'round' : 'rounds'}. ${measuredOn}.`,
    markdownTable(figuresTable(summary)),
  ];
  if (summary.comparisons.length > 0)
    parts.push(
      'Times better within the same round, whatever the metric: median (lowest to highest).',
      markdownTable(comparisonTable(summary)),
    );
  if (summary.verdicts.length > 0)
    parts.push(`Targets:\n\n${summary.verdicts.map((verdict) => `- ${verdictLine(verdict, summary)}`).join('\n')}`);
  return parts.join('\n\n');
}

/** The document with new content between the marks of a workload. @throws {Error} if the marks are missing */
export function withSection(document: string, workload: string, content: string): string {
  const [from, to] = [`<!-- bench: ${workload} -->`, `<!-- end: ${workload} -->`];
  const [start, end] = [document.indexOf(from), document.indexOf(to)];
  if (start < 0 || end < start) throw new Error(`The document has no marks "${from}" and "${to}", in this order`);
  return `${document.slice(0, start + from.length)}\n\n${content}\n\n${document.slice(end)}`;
}

function markdownTable(table: Table): string {
  const [header = [], ...rows] = table;
  const rule = header.map((_, column) => (column < 2 ? '---' : '---:'));
  return [header, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
