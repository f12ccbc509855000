/**
 * `npm run bench:compare`: compares this build with another one, `nestjs-redis-stream-transport-baseline`, and with
 * itself, which shows how much a difference means. All of them run at the same time, each with a Redis of its own, and
 * are measured in alternating slices; the output is the ratio of neighboring slices.
 *
 *     npm install --no-save nestjs-redis-stream-transport-baseline@file:../baseline.tgz
 *     npm run bench:compare -- --rounds 12
 */
import { parseArgs } from 'node:util';
import { Brokers } from './brokers/brokers.js';
import { bundleProcess } from './bundle.js';
import type { Figures } from './figures.js';
import { Stage } from './stage.js';
import { median, quantile } from './statistics.js';
import { inTurns, ratios } from './turns.js';
import { measureEvents } from './workloads/events.js';
import { measureRequests } from './workloads/request-load.js';

type Measure = (stage: Stage) => Promise<Figures>;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '6' },
    seconds: { type: 'string', default: '0.7' },
    only: { type: 'string', default: '' },
  },
});
const seconds = Number(values.seconds);

const requests = (inFlight: number, bytes = 100): [name: string, metric: string, measure: Measure] => [
  `requests, ${inFlight} in flight, ${bytes} B`,
  'rate',
  (stage) => measureRequests(stage, { inFlight, bytes }, seconds),
];

const WORKLOADS = [
  requests(1),
  requests(16),
  requests(256),
  requests(16, 65_536),
  ['events until handled', 'handledRate', (stage: Stage) => measureEvents(stage, seconds)],
] as const;

await bundleProcess();
const stages: Stage[] = [];
try {
  for (const contender of ['stream-transport', 'baseline', 'stream-transport']) {
    const brokers = await Brokers.start({ appendonly: false, nats: false });
    const stage = new Stage({ contender, place: await brokers.place() }, brokers);
    stages.push(stage);
    await stage.start();
  }
  for (const [name, metric, measure] of WORKLOADS) {
    if (name.includes(values.only)) report(name, metric, await inTurns(stages, Number(values.rounds), measure));
  }
} finally {
  await Promise.all(stages.map((stage) => stage.close()));
  await Promise.all(stages.map((stage) => stage.brokers.stop()));
}

function report(name: string, metric: string, figures: readonly Figures[][]): void {
  const [own = [], baseline = [], copy = []] = figures;
  for (const [title, key] of [
    ['rate', metric],
    ['CPU', 'cpu'],
  ] as const) {
    const against = (others: readonly Figures[]): string => spread(ratios(own, others, key));
    console.log(`${name}, ${title}: ${against(baseline)} × the baseline, ${against(copy)} × its own copy`);
  }
  const sides = ['cpuClient', 'cpuServer', 'cpuBroker'].map((key) =>
    figures.map((all) => median(all.map((each) => each[key] ?? NaN)).toFixed(1)).join(' '),
  );
  console.log(`    CPU µs of client, server, Redis (own, baseline, copy): ${sides.join(' | ')}`);
}

function spread(all: readonly number[]): string {
  return `${median(all).toFixed(3)} (${quantile(all, 0.25).toFixed(2)}-${quantile(all, 0.75).toFixed(2)})`;
}
