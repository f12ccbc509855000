/**
 * `npm run bench`: compares this library with Nest's own transports, BullMQ and a raw streams loop, each server and
 * each client in its own process. Figures of two runs, or of two machines, are not comparable; ratios nearly are.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Brokers } from './brokers/brokers.js';
import { bundleProcess } from './bundle.js';
import { describeMachine } from './machine.js';
import { writeSection } from './report/document.js';
import { summarize } from './report/summary.js';
import { textOf } from './report/table.js';
import { parseSettings, USAGE, type Settings } from './settings.js';
import { play } from './tournament.js';
import { workloadNamed } from './workloads/index.js';

// Progress goes to stderr, so that stdout holds nothing but results.
const say = (line: string): void => console.error(line);

// The servers are ended on `exit`, which a signal alone does not trigger.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

const settings = readSettings();
if (settings.help) console.log(USAGE);
else await measure(settings);

function readSettings(): Settings {
  try {
    return parseSettings(process.argv.slice(2));
  } catch (error) {
    say(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exit(2);
  }
}

async function measure({ workloads, appendonly, build, contenders, json, write }: Settings): Promise<void> {
  if (build) {
    const script = fileURLToPath(new URL('../scripts/build.mjs', import.meta.url));
    execFileSync(process.execPath, [script], { stdio: ['ignore', 'ignore', 'inherit'] });
  }
  await bundleProcess();
  const wantsNats = contenders.some(({ name }) => name === 'nest-nats');
  const brokers = await Brokers.start({ appendonly, nats: wantsNats });
  try {
    if (wantsNats && !brokers.hasNats)
      say('NATS is skipped: there is no nats-server on PATH, and NATS_SERVER_BIN is not set');
    const machine = await describeMachine(brokers);
    const inWords = Object.entries(machine)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ');
    say(inWords);
    for (const name of workloads) {
      const samples = await play(brokers, name, settings, say);
      if (samples.length === 0) continue;
      const summary = summarize(name, workloadNamed(name), samples);
      console.log(json ? JSON.stringify({ ...summary, machine }) : `\n${textOf(summary)}\n`);
      if (write) await writeSection(summary, inWords);
    }
  } finally {
    await brokers.stop();
  }
}
