import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '../support/eventually.js';
import { useStage } from '../support/stage.js';
import { entriesOf, settled } from '../support/stream-view.js';
import { WorkerProcess } from '../support/worker-process.js';
import type { WorkerReport, WorkerTask } from '../support/worker-process.js';
import { GROUP, names, order, QUICK, runsOf, untilDone } from './support/fleet.js';

const stage = useStage();

const MAX_ATTEMPTS = 5;
/** Of five attempts, the last two run alone. */
const FIRST_ALONE = MAX_ATTEMPTS - 1;
/** How long the poison runs before it kills: long enough for other entries to start, if they are allowed to. */
const LETHAL_AFTER_MS = 300;
const OPTION = { ...QUICK, lease: 500, maxAttempts: MAX_ATTEMPTS, concurrency: 32 };
const POISON = { name: 'poison', holdMs: 60_000 };

describe('a message that kills its process, among 20 innocent messages and new ones', () => {
  it('becomes the only dead letter, and runs alone in its group in its last attempts', async () => {
    const innocents = names('innocent', 20);
    await stage.raw.xgroup('CREATE', 'work', GROUP, '0', 'MKSTREAM');
    const beside = innocents.map((name) => ({ name, holdMs: 2 * LETHAL_AFTER_MS }));
    await order(stage.client(), [...beside.slice(0, 10), POISON, ...beside.slice(10)]);
    const lives: WorkerProcess[] = [];
    do lives.push(await lifeUntilPoison(lives.length));
    while (lives.at(-1)?.exited);
    const fresh = lives.flatMap((_, life) => freshOf(life).map(({ name }) => name));
    await settled(stage.raw, 'work', GROUP, 15_000);
    const dead = await entriesOf(stage.raw, '{work}:dead');
    expect(dead.map(({ fields }) => JSON.parse(String(fields['data'])) as unknown)).toEqual([POISON]);
    await untilDone(lives, [...innocents, ...fresh]);
    expect(runsOf(lives, 'started').filter((task) => task === POISON.name)).toHaveLength(MAX_ATTEMPTS);
    for (const { reports } of lives) expect(besideLastAttempts(reports)).toEqual([]);
  }, 90_000);
});

/** New messages for each process, so that there is always something that could start. */
function freshOf(life: number): WorkerTask[] {
  return names(`fresh-${life}`, 100).map((name) => ({ name, holdMs: 50 }));
}

/** Starts a process, and kills it soon after the poison started in it, unless the poison is a dead letter first. */
async function lifeUntilPoison(life: number): Promise<WorkerProcess> {
  const worker = WorkerProcess.launch({ connection: stage.connection, option: OPTION });
  stage.owns(() => worker.end());
  await order(stage.client(), freshOf(life));
  const hasDied = async (): Promise<boolean> => (await stage.raw.exists('{work}:dead')) === 1;
  await eventually(async () => expect(runsOf([worker], 'started').includes('poison') || (await hasDied())).toBe(true), {
    within: 20_000,
  });
  if (await hasDied()) return worker;
  // More work while the poison runs.
  await order(
    stage.client(),
    names(`late-${life}`, 5).map((name) => ({ name })),
  );
  await pause(LETHAL_AFTER_MS);
  await worker.end('SIGKILL');
  return worker;
}

/** Tasks that were running when one of the poison's last attempts started, and those that started after it. */
function besideLastAttempts(reports: readonly WorkerReport[]): string[] {
  const at = reports.findIndex(
    (line) => line.fact === 'started' && line.task === POISON.name && line.attempt >= FIRST_ALONE,
  );
  if (at < 0) return [];
  const running = new Set<string>();
  for (const line of reports.slice(0, at)) {
    if (line.fact === 'started') running.add(line.task);
    if (line.fact === 'done') running.delete(line.task);
  }
  const after = reports.slice(at + 1).flatMap((line) => (line.fact === 'started' ? [line.task] : []));
  return [...running, ...after];
}
