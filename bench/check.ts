/**
 * A step of `npm test`: a quick check that the library is still about as fast as its targets. Prints the ratios, and
 * fails only below half of a target: machines that run tests are busy with other work too.
 */
import { Brokers } from './brokers/brokers.js';
import { bundleProcesses } from './bundle.js';
import { Stage } from './stage.js';
import { median } from './statistics.js';
import { targetsOf, type Target } from './targets.js';
import type { Figures } from './workload.js';
import { measureEvents } from './workloads/event-turn.js';
import { measureRequests } from './workloads/request-turn.js';

const ROUNDS = 3;
const SECONDS = 0.4;
const TOLERANCE = 0.5;
const RIVAL = 'nest-redis';

interface Check {
  readonly target: Target;
  readonly measure: (stage: Stage) => Promise<Figures>;
}

/** A check of one target against the rival. @throws {Error} if there is no such target */
function checkOf(workload: string, metric: string, measure: Check['measure']): Check {
  const target = targetsOf(workload).find((each) => each.against === RIVAL && each.metric === metric);
  if (!target) throw new Error(`There is no target for ${metric} of ${workload} against ${RIVAL}`);
  return { target, measure };
}

const CHECKS: readonly Check[] = [
  checkOf('requests', 'rate', (stage) => measureRequests(stage, { inFlight: 256, seconds: SECONDS })),
  checkOf('events', 'handledRate', (stage) => measureEvents(stage, SECONDS)),
];

await bundleProcesses();
const brokers = await Brokers.start({ appendonly: false, nats: false });
const place = await brokers.place();
const [own, rival] = ['stream-transport', RIVAL].map((contender) => new Stage({ contender, place }, brokers)) as [
  Stage,
  Stage,
];
try {
  await Promise.all([own.start(), rival.start()]);
  const ratios: number[][] = [];
  for (const { target, measure } of CHECKS) ratios.push(await timesRival(target, measure));
  // A single good round shows what the library can do; a bad one may only show that the machine is busy.
  const passed = CHECKS.filter(({ target }, index) => Math.max(...(ratios[index] ?? [])) >= target.atLeast * TOLERANCE);
  const figures = CHECKS.map(({ target }, index) => `${median(ratios[index] ?? []).toFixed(2)} × ${target.workload}`);
  const remark = `${figures.join(', ')} of Nest's Redis pub/sub`;
  console.log(`${passed.length} passed, ${CHECKS.length - passed.length} failed: ${remark}`);
  process.exitCode = passed.length < CHECKS.length ? 1 : 0;
} finally {
  await Promise.all([own.close(), rival.close()]);
  await brokers.stop();
}

/** Measures both in turns on the same processes: new processes for each turn would take too long. */
async function timesRival({ metric }: Target, measure: Check['measure']): Promise<number[]> {
  const ratios: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const { [metric]: mine = NaN } = await measure(own);
    const { [metric]: theirs = NaN } = await measure(rival);
    ratios.push(mine / theirs);
  }
  return ratios;
}
