/**
 * A step of `npm test`: a quick check that the library is still about as fast as its targets. Prints the ratios, and
 * fails only below half of a target: machines that run tests are busy with other work too.
 */
import { Brokers } from './brokers/brokers.js';
import { bundleProcess } from './bundle.js';
import { Stage } from './stage.js';
import { median } from './statistics.js';
import { targetOf } from './targets.js';
import { inTurns, ratios } from './turns.js';
import { measureEvents } from './workloads/events.js';
import { measureRequests } from './workloads/request-load.js';

const ROUNDS = 3;
const SECONDS = 0.4;
const TOLERANCE = 0.5;
const RIVAL = 'nest-redis';

const CHECKS = [
  {
    target: targetOf('requests', 'rate', RIVAL),
    measure: (stage: Stage) => measureRequests(stage, { inFlight: 256 }, SECONDS),
  },
  { target: targetOf('events', 'handledRate', RIVAL), measure: (stage: Stage) => measureEvents(stage, SECONDS) },
];

await bundleProcess();
const brokers = await Brokers.start({ appendonly: false, nats: false });
const place = await brokers.place();
const stages = ['stream-transport', RIVAL].map((contender) => new Stage({ contender, place }, brokers));
try {
  await Promise.all(stages.map((stage) => stage.start()));
  let passed = 0;
  const figures: string[] = [];
  for (const { target, measure } of CHECKS) {
    const [own = [], rival = []] = await inTurns(stages, ROUNDS, measure);
    const times = ratios(own, rival, target.metric);
    // A single good round shows what the library can do; a bad one may only show that the machine is busy.
    if (Math.max(...times) >= target.atLeast * TOLERANCE) passed++;
    figures.push(`${median(times).toFixed(2)} × ${target.workload}`);
  }
  const failed = CHECKS.length - passed;
  console.log(`${passed} passed, ${failed} failed: ${figures.join(', ')} of Nest's Redis pub/sub`);
  process.exitCode = failed > 0 ? 1 : 0;
} finally {
  await Promise.all(stages.map((stage) => stage.close()));
  await brokers.stop();
}
