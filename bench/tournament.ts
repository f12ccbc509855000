import type { Brokers } from './brokers/brokers.js';
import type { Contender } from './contender.js';
import type { Sample } from './report/summary.js';
import { Stage } from './stage.js';
import type { Effort, Variant, Workload } from './workload.js';

export interface Tournament {
  readonly workload: Workload;
  readonly contenders: readonly Contender[];
  readonly variants: readonly Variant[];
  readonly rounds: number;
  readonly effort: Effort;
  /** Receives a line before each turn. */
  readonly say: (line: string) => void;
}

/**
 * Contenders take turns, each with new processes and an empty Redis, so that a busy minute affects all of them. Another
 * contender starts each round: the first turn is never quite like the last.
 */
export async function play(brokers: Brokers, tournament: Tournament): Promise<Sample[]> {
  const { workload, contenders, variants, effort, say } = tournament;
  const rounds = Math.min(tournament.rounds, workload.maxRounds ?? Infinity);
  const samples: Sample[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const variant of variants) {
      for (const { name, title } of rotated(contenders, round)) {
        say(`round ${round + 1} of ${rounds}, ${variant.label}, ${title}`);
        const stage = new Stage({ contender: name, place: await brokers.place() }, brokers);
        try {
          const measured = await workload.run(stage, variant, effort);
          samples.push(...measured.map((each) => ({ ...each, round, contender: name })));
        } finally {
          await stage.close();
        }
      }
    }
  }
  return samples;
}

function rotated<T>(values: readonly T[], by: number): T[] {
  const start = by % Math.max(1, values.length);
  return [...values.slice(start), ...values.slice(0, start)];
}
