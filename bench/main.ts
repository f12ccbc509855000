/**
 * `npm run bench`: compares this library with Nest's own transports, BullMQ and a raw streams loop, each server and
 * each client in its own process. Figures of two runs, or of two machines, are not comparable; ratios nearly are.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Brokers } from './brokers/brokers.js';
import { bundleProcesses } from './bundle.js';
import { describeMachine, inWords } from './machine.js';
import { writeSection } from './report/document.js';
import { summarize, type Summary } from './report/summary.js';
import { textOf } from './report/text.js';
import { parseSettings, USAGE, type Settings } from './settings.js';
import { play } from './tournament.js';
import { workloadNamed } from './workloads/index.js';

const NATS = 'nest-nats';

const settings = readSettings();
// Progress goes to stderr, so that stdout holds nothing but results.
const say = (line: string): void => console.error(line);

// The servers are ended on `exit`, which a signal alone does not trigger.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

if (settings.help) console.log(USAGE);
else await measure(settings);

function readSettings(): Settings {
  try {
    return parseSettings(process.argv.slice(2));
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exit(2);
  }
}

async function measure({ workloads, appendonly, build, contenders }: Settings): Promise<void> {
  if (build) {
    const script = fileURLToPath(new URL('../scripts/build.mjs', import.meta.url));
    execFileSync(process.execPath, [script], { stdio: ['ignore', 'ignore', 'inherit'] });
  }
  await bundleProcesses();
  const wantsNats = contenders.some(({ name }) => name === NATS);
  const brokers = await Brokers.start({ appendonly, nats: wantsNats });
  try {
    if (wantsNats && !brokers.hasNats)
      say('NATS is skipped: there is no nats-server on PATH, and NATS_SERVER_BIN is not set');
    const machine = await describeMachine(brokers);
    say(inWords(machine));
    for (const name of workloads) {
      const summary = await summarized(brokers, name);
      if (summary) await tell(summary, machine);
    }
  } finally {
    await brokers.stop();
  }
}

/** Undefined if the command line leaves no contender or no size to measure. */
async function summarized(brokers: Brokers, name: string): Promise<Summary | undefined> {
  const workload = workloadNamed(name);
  const contenders = settings.contenders.filter(
    (each) => workload.contenders.includes(each.name) && (each.name !== NATS || brokers.hasNats),
  );
  const variants = workload.variants.filter(({ label }) => settings.variants?.includes(label) ?? true);
  if (contenders.length === 0 || variants.length === 0) return undefined;
  const { rounds, effort } = settings;
  const samples = await play(brokers, {
    workload,
    contenders,
    variants,
    rounds,
    effort,
    say: (line) => say(`${name}: ${line}`),
  });
  return summarize(name, workload, samples);
}

async function tell(summary: Summary, machine: Readonly<Record<string, string>>): Promise<void> {
  if (settings.json) console.log(JSON.stringify({ ...summary, machine }));
  else console.log(`\n${textOf(summary)}\n`);
  if (settings.write) await writeSection(summary, inWords(machine));
}
