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
import { bundleProcesses } from './bundle.js';
import { Stage } from './stage.js';
import { median, quantile } from './statistics.js';
import type { Figures } from './workload.js';
import { measureEvents } from './workloads/event-turn.js';
import { measureRequests } from './workloads/request-turn.js';

interface Workload {
  readonly name: string;
  readonly metric: string;
  readonly measure: (stage: Stage, seconds: number) => Promise<Figures>;
}

const requests = (inFlight: number, bytes = 100): Workload => ({
  name: `requests, ${inFlight} in flight, ${bytes} B`,
  metric: 'rate',
  measure: (stage, seconds) => measureRequests(stage, { inFlight, seconds, bytes }),
});

const WORKLOADS: readonly Workload[] = [
  requests(1),
  requests(16),
  requests(256),
  requests(16, 65_536),
  { name: 'events until handled', metric: 'handledRate', measure: measureEvents },
];

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '6' },
    seconds: { type: 'string', default: '0.7' },
    only: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const wanted = WORKLOADS.filter(({ name }) => values.only === undefined || name.includes(values.only));

await bundleProcesses();
const brokers: Brokers[] = [];
const stages: Stage[] = [];
try {
  for (const contender of ['stream-transport', 'baseline', 'stream-transport']) {
    const own = await Brokers.start({ appendonly: false, nats: false });
    brokers.push(own);
    const stage = new Stage({ contender, place: await own.place() }, own);
    stages.push(stage);
    await stage.start();
  }
  for (const workload of wanted) await compare(workload);
} finally {
  await Promise.all(stages.map((stage) => stage.close()));
  await Promise.all(brokers.map((each) => each.stop()));
}

async function compare({ name, metric, measure }: Workload): Promise<void> {
  const figures: Figures[][] = stages.map(() => []);
  for (let round = 0; round < rounds; round++) {
    // Rotate: the first in turn finds the machine in a different state than the last.
    const order = stages.map((_, at) => (at + round) % stages.length);
    for (const at of order) figures[at]?.push(await measure(stages[at] as Stage, seconds));
  }
  const of = (key: string): number[][] => figures.map((all) => all.map((each) => each[key] ?? NaN));
  for (const [title, key] of [
    ['rate', metric],
    ['CPU', 'cpu'],
  ] as const) {
    const [own = [], baseline = [], copy = []] = of(key);
    const against = (others: readonly number[]): string => spread(ratios(own, others));
    console.log(`${name}, ${title}: ${against(baseline)} × the baseline, ${against(copy)} × its own copy`);
  }
  const sides = ['cpuClient', 'cpuServer', 'cpuBroker'].map((key) => of(key).map((all) => median(all).toFixed(1)));
  console.log(
    `    CPU µs of client, server, Redis (own, baseline, copy): ${sides.map((all) => all.join(' ')).join(' | ')}`,
  );
}

function ratios(some: readonly number[], others: readonly number[]): number[] {
  return some.map((value, at) => value / (others[at] ?? NaN));
}

function spread(all: readonly number[]): string {
  return `${median(all).toFixed(3)} (${quantile(all, 0.25).toFixed(2)}-${quantile(all, 0.75).toFixed(2)})`;
}
