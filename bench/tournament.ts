import type { Brokers } from './brokers/brokers.js';
import type { Sample } from './report/summary.js';
import type { Settings } from './settings.js';
import { Stage } from './stage.js';
import { rotated } from './turns.js';
import { workloadNamed } from './workloads/index.js';

/**
 * Contenders take turns, each with new processes and an empty Redis, so that a busy minute affects all of them. Another
 * contender starts each round: the first turn is never quite like the last.
 *
 * @returns nothing if the settings leave no contender or no size to measure
 */
export async function play(
  brokers: Brokers,
  name: string,
  settings: Settings,
  say: (line: string) => void,
): Promise<Sample[]> {
  const workload = workloadNamed(name);
  const contenders = settings.contenders.filter(
    (each) => workload.contenders.includes(each.name) && (each.name !== 'nest-nats' || brokers.hasNats),
  );
  const variants = workload.variants.filter(({ label }) => settings.variants?.includes(label) ?? true);
  const rounds = Math.min(settings.rounds, workload.maxRounds ?? Infinity);
  const samples: Sample[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const variant of variants) {
      for (const contender of rotated(contenders, round)) {
        say(`${name}: round ${round + 1} of ${rounds}, ${variant.label}, ${contender.title}`);
        const stage = new Stage({ contender: contender.name, place: await brokers.place() }, brokers);
        try {
          const measured = await variant.run(stage, settings.effort);
          const all = Array.isArray(measured) ? measured : [{ label: variant.label, figures: measured }];
          samples.push(...all.map((each) => ({ ...each, round, contender: contender.name })));
        } finally {
          await stage.close();
        }
      }
    }
  }
  return samples;
}
