import { parseArgs } from 'node:util';
import { CONTENDERS, contenderNamed } from './contenders/index.js';
import type { Contender } from './contender.js';
import type { Effort } from './workload.js';
import { workloadNamed, WORKLOADS } from './workloads/index.js';

export interface Settings {
  readonly workloads: readonly string[];
  /** Labels; all of them where it is undefined. */
  readonly variants: readonly string[] | undefined;
  readonly contenders: readonly Contender[];
  readonly rounds: number;
  readonly effort: Effort;
  readonly appendonly: boolean;
  readonly json: boolean;
  readonly write: boolean;
  readonly build: boolean;
  readonly help: boolean;
}

const listed = (name: string, title: string): string => `    ${name.padEnd(18)} ${title}`;

export const USAGE = `npm run bench -- [workload ...] [option ...]

  Measures this library beside others, each server and each client in a process of its own.
  Everything together takes more than an hour; \`requests events --rounds 3\` takes some minutes.

  workloads (default: all)
${[...WORKLOADS].map(([name, { title }]) => listed(name, title)).join('\n')}

  contenders, where they can do what a workload asks
${CONTENDERS.map(({ name, title }) => listed(name, title)).join('\n')}

  --rounds 5                how often each contender takes its turn
  --seconds 3               how long one measurement lasts
  --backlog 100000          events to drain
  --messages 1000000        messages while memory is watched
  --only a,b                these contenders
  --variant '16 in flight'  this size, by the name that a run prints; as often as you like
  --appendonly              Redis with its append-only file, synced each second (default: nothing on disk)
  --json                    one JSON line per workload instead of tables
  --write                   also put tables and plots into docs/benchmarks.md
  --no-build                measure the build that is there
  --help                    this

  NATS takes part where nats-server is on PATH, or NATS_SERVER_BIN names it.
  BENCH_PROFILES=directory leaves a CPU profile of each process there.`;

/** @throws {Error} that says what is wrong with the arguments */
export function parseSettings(argv: readonly string[]): Settings {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    allowNegative: true,
    options: {
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '3' },
      backlog: { type: 'string', default: '100000' },
      messages: { type: 'string', default: '1000000' },
      only: { type: 'string' },
      variant: { type: 'string', multiple: true },
      appendonly: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      build: { type: 'boolean', default: true },
      help: { type: 'boolean', default: false },
    },
  });
  const { appendonly, json, write, build, help } = values;
  for (const name of positionals) workloadNamed(name);
  const workloads = positionals.length > 0 ? positionals : [...WORKLOADS.keys()];
  return {
    workloads,
    variants: values.variant === undefined ? undefined : knownVariants(values.variant, workloads),
    contenders: values.only === undefined ? CONTENDERS : values.only.split(',').map(contenderNamed),
    rounds: whole('rounds', values.rounds),
    effort: {
      seconds: positive('seconds', values.seconds),
      backlog: whole('backlog', values.backlog),
      messages: whole('messages', values.messages),
    },
    appendonly,
    json,
    write,
    build,
    help,
  };
}

function knownVariants(labels: readonly string[], workloads: readonly string[]): readonly string[] {
  const known = workloads.flatMap((name) => workloadNamed(name).variants.map(({ label }) => label));
  const unknown = labels.filter((label) => !known.includes(label));
  if (unknown.length > 0) throw new Error(`No size is called ${unknown.join(', ')}. Sizes:\n${known.join('\n')}`);
  return labels;
}

function positive(name: string, text: string): number {
  const number = Number(text);
  if (!(number > 0 && Number.isFinite(number)))
    throw new Error(`Expected --${name} to be a positive number, got ${text}`);
  return number;
}

function whole(name: string, text: string): number {
  if (!Number.isInteger(Number(text))) throw new Error(`Expected --${name} to be a whole number, got ${text}`);
  return positive(name, text);
}
