import { parseArgs } from 'node:util';
import { Chaos } from './chaos.js';
import type { TargetName } from './chaos.js';
import type { InjectionKind } from './injection-plan.js';
import { ALL_INJECTIONS, CLUSTER_INJECTIONS } from './injection-plan.js';
import type { Rates } from './producer.js';
import { summaryOf } from './summary.js';

/*
 * `npm run chaos -- --seed 7 --seconds 120 --target cluster`: one chaos run. The schedule depends on the seed alone, so
 * a run that found something can be repeated, as closely as the machine's own scheduling allows.
 */
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
    seconds: { type: 'string', default: '60' },
    target: { type: 'string', default: 'standalone' },
    workers: { type: 'string', default: '3' },
    events: { type: 'string', default: '100' },
    requests: { type: 'string', default: '50' },
    /** Messages a second by flow, for example `streamed=0,poison=5`. */
    rates: { type: 'string', default: '' },
    /** Comma-separated kinds of injections; by default all that the target supports. */
    injections: { type: 'string' },
    /** Milliseconds between two injections, on average. */
    every: { type: 'string', default: '1000' },
    'no-audit': { type: 'boolean', default: false },
    'no-backlog': { type: 'boolean', default: false },
  },
});

const SHOWN = 50;
const run = { seed: Number(values.seed), seconds: Number(values.seconds), target: targetOf(values.target) };

function targetOf(name: string): TargetName {
  if (name === 'standalone' || name === 'cluster') return name;
  throw new Error(`--target must be standalone or cluster, got ${JSON.stringify(name)}`);
}

function injectionsOf(list: string): InjectionKind[] {
  const known: readonly InjectionKind[] = run.target === 'cluster' ? CLUSTER_INJECTIONS : ALL_INJECTIONS;
  return list.split(',').map((name) => {
    const kind = known.find((other) => other === name);
    if (!kind) throw new Error(`--injections must be a list of ${known.join()}, got ${JSON.stringify(name)}`);
    return kind;
  });
}

function ratesOf(list: string): Partial<Rates> {
  const pairs = list.split(',').filter(Boolean);
  return Object.fromEntries(pairs.map((pair) => pair.split('=')).map(([flow, rate]) => [flow, Number(rate)]));
}

console.log(`seed ${run.seed}, ${run.seconds} s, ${run.target}`);
const verdict = await Chaos.run({
  ...run,
  workers: Number(values.workers),
  rates: { event: Number(values.events), request: Number(values.requests), ...ratesOf(values.rates) },
  ...(values.injections !== undefined && { injections: injectionsOf(values.injections) }),
  everyMs: Number(values.every),
  audit: !values['no-audit'],
  backlog: !values['no-backlog'],
  tell: (line) => console.log(line),
});
const { counts, peaks, violations, keptIn } = verdict;
console.log('counts', counts);
console.log('peaks', peaks);
for (const violation of violations.slice(0, SHOWN)) console.log(violation);
console.log(violations.length === 0 ? 'no violations' : `${violations.length} violations; all notes are in ${keptIn}`);
console.log(summaryOf(run, verdict));
process.exit(violations.length === 0 ? 0 : 1);
