import { parseArgs } from 'node:util';
import { CONTENDERS, contenderNamed } from './contenders/index.js';
import type { Contender } from './contender.js';
import type { Effort } from './workload.js';
import { workloadNamed, WORKLOADS } from './workloads/index.js';

export interface Settings {
  readonly workloads: readonly string[];
  /** Labels of sizes; undefined means all of them. */
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

  Compares this library with others, each server and each client in a process of its own.
  All workloads together take more than an hour; \`requests events --rounds 3\` takes a few minutes.

  workloads (default: all)
${[...WORKLOADS].map(([name, { title }]) => listed(name, title)).join('\n')}

  contenders (each workload runs those that support it)
${CONTENDERS.map(({ name, title }) => listed(name, title)).join('\n')}

  --rounds 5                rounds, each with one turn per contender and size
  --seconds 3               how long one measurement lasts
  --backlog 100000          events to drain
  --messages 1000000        messages while memory is watched
  --only a,b                only these contenders
  --variant '16 in flight'  only this size, by the name that a run prints; repeatable
  --appendonly              run Redis with an append-only file, synced every second (default: nothing on disk)
  --json                    one JSON line per workload instead of tables
  --write                   also put tables and plots into docs/benchmarks.md
  --no-build                measure the existing build
  --help                    print this text

  NATS takes part if nats-server is on PATH or NATS_SERVER_BIN points at one.
  BENCH_PROFILES=directory writes a CPU profile of each process to that directory.`;

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
