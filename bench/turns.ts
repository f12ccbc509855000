import type { Figures } from './figures.js';
import type { Stage } from './stage.js';

/** Measures stages in turns, on processes that stay up. @returns the figures of each stage, round by round */
export async function inTurns(
  stages: readonly Stage[],
  rounds: number,
  measure: (stage: Stage) => Promise<Figures>,
): Promise<Figures[][]> {
  const figures = stages.map(() => new Array<Figures>());
  for (let round = 0; round < rounds; round++) {
    // The first in turn finds the machine in another state than the last.
    for (const at of rotated([...stages.keys()], round)) figures[at]?.push(await measure(stages[at] as Stage));
  }
  return figures;
}

/** How many times as much the first stage reached as another one, round by round. */
export const ratios = (own: readonly Figures[], others: readonly Figures[], metric: string): number[] =>
  own.map((figures, round) => (figures[metric] ?? NaN) / (others[round]?.[metric] ?? NaN));

/** The same values, beginning with another one each round. */
export function rotated<T>(values: readonly T[], round: number): T[] {
  const start = round % Math.max(1, values.length);
  return [...values.slice(start), ...values.slice(0, start)];
}
