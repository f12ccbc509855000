import { parseArgs } from 'node:util';
import { CONTENDERS, contenderNamed } from './contenders/index.js';
import type { Contender } from './contender.js';
import { workloadNames } from './workloads/index.js';

export interface Settings {
  readonly workloads: readonly string[];
  readonly contenders: readonly Contender[];
  readonly rounds: number;
  readonly seconds: number;
  readonly json: boolean;
  readonly build: boolean;
}

export const USAGE = `npm run bench -- [workload ...] [--rounds 5] [--seconds 3] [--only a,b] [--json] [--no-build]

  workload     one or more of: ${workloadNames().join(', ')} (default: all)
  --rounds     how often each contender takes its turn
  --seconds    how long one measurement lasts
  --only       contenders, of: ${CONTENDERS.map((each) => each.name).join(', ')}
  --json       one JSON line per workload instead of tables
  --no-build   measure the build that is there`;

export function parseSettings(argv: readonly string[]): Settings {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    allowNegative: true,
    options: {
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '3' },
      only: { type: 'string' },
      json: { type: 'boolean', default: false },
      build: { type: 'boolean', default: true },
    },
  });
  const unknown = positionals.filter((name) => !workloadNames().includes(name));
  if (unknown.length > 0) throw new Error(`No workload is called ${unknown.join(', ')}.`);
  return {
    workloads: positionals.length > 0 ? positionals : workloadNames(),
    contenders: values.only === undefined ? CONTENDERS : values.only.split(',').map(contenderNamed),
    rounds: positive('rounds', values.rounds),
    seconds: positive('seconds', values.seconds),
    json: values.json,
    build: values.build,
  };
}

function positive(name: string, text: string): number {
  const number = Number(text);
  if (!(number > 0)) throw new Error(`Expected --${name} to be a positive number, got ${text}`);
  return number;
}
