import { ask } from '../support/calls.js';
import { eventually } from '../support/eventually.js';
import { useStage } from '../support/stage.js';
import { entriesOf, infoOf, pendingOf, settled } from '../support/stream-view.js';
import { WorkerProcess } from '../support/worker-process.js';
import { fleetOf, GROUP, names, order, QUICK, runsOf, untilDone } from './support/fleet.js';
import { recordedService, WORKER_PATTERNS } from '../support/recorded-service.js';

const stage = useStage();
const fleet = fleetOf(stage);
/** Options of a survivor: an instance of the workers' service in this process. */
const survivors = { ...QUICK, consumerGroup: GROUP };

describe('a consumer that dies, stalls or stops', () => {
  it('has its 8 entries in flight run by a survivor within lease + 2 s after SIGKILL', async () => {
    const [doomed] = (await fleet(1)) as [WorkerProcess];
    const tasks = names('flight', 8);
    await order(
      stage.client(),
      tasks.map((name) => ({ name, holdMs: 60_000 })),
    );
    await eventually(() => expect(runsOf([doomed], 'started')).toHaveLength(8));
    const survivor = recordedService(undefined, WORKER_PATTERNS);
    await stage.serve(survivor.handlers, { option: survivors });
    await doomed.end('SIGKILL');
    const killed = performance.now();
    await survivor.untilRun(8);
    expect(performance.now() - killed).toBeLessThan(QUICK.lease + 2_000);
    await settled(stage.raw, 'work', GROUP);
    expect(survivor.names().toSorted()).toEqual(tasks);
    expect(survivor.runs.map(({ attempt }) => attempt)).toEqual(tasks.map(() => 2));
  });

  it('has an event run once more, under the same id, if it dies between success and ack', async () => {
    const [doomed] = (await fleet(1)) as [WorkerProcess];
    // Redis accepts no writes, so no acks either: the handler is done, but only its process knows.
    await order(stage.client(), [{ name: 'done twice', holdMs: 300 }]);
    await eventually(() => expect(doomed.runs('started', 'done twice')).toHaveLength(1));
    await stage.raw.call('CLIENT', 'PAUSE', '60000', 'WRITE');
    await eventually(() => expect(doomed.runs('done', 'done twice')).toHaveLength(1));
    await doomed.end('SIGKILL');
    await stage.raw.call('CLIENT', 'UNPAUSE');
    const [second] = (await fleet(1)) as [WorkerProcess];
    await untilDone([second], ['done twice']);
    await settled(stage.raw, 'work', GROUP);
    const [first] = doomed.runs('done', 'done twice');
    expect(second.runs('done', 'done twice')).toEqual([{ ...first, attempt: 2 }]);
  });

  it('finishes and acks its work in flight on SIGTERM, starts nothing new and leaves nothing behind', async () => {
    const [polite] = (await fleet(1, { concurrency: 4 })) as [WorkerProcess];
    const running = names('running', 4);
    await order(
      stage.client(),
      running.map((name) => ({ name, holdMs: 700 })),
    );
    await eventually(() => expect(runsOf([polite], 'started')).toHaveLength(4));
    await order(stage.client(), [{ name: 'late' }]);
    await polite.end('SIGTERM');
    expect(runsOf([polite], 'done').toSorted()).toEqual(running);
    expect(polite.runs('started', 'late')).toEqual([]);
    expect(await pendingOf(stage.raw, 'work', GROUP)).toBe(0);
    expect(await infoOf(stage.raw, 'CONSUMERS', 'work', GROUP)).toEqual([]);
    const [next] = (await fleet(1)) as [WorkerProcess];
    await untilDone([next], ['late']);
    expect(next.runs('done', 'late')).toEqual([expect.objectContaining({ attempt: 1 })]);
  });

  it('exits at shutdownTimeout although a handler still runs, and leaves the entry to others', async () => {
    const [stuck] = (await fleet(1, { shutdownTimeout: 500 })) as [WorkerProcess];
    await order(stage.client(), [{ name: 'stuck', holdMs: 60_000 }]);
    await eventually(() => expect(stuck.runs('started', 'stuck')).toHaveLength(1));
    const asked = performance.now();
    await stuck.end('SIGTERM');
    expect(performance.now() - asked).toBeLessThan(2_000);
    // `ctx.signal` tells the handler that its outcome no longer counts.
    await eventually(() => expect(stuck.runs('aborted', 'stuck')).toHaveLength(1));
    expect(await pendingOf(stage.raw, 'work', GROUP)).toBe(1);
    const next = recordedService(undefined, WORKER_PATTERNS);
    await stage.serve(next.handlers, { option: survivors });
    await settled(stage.raw, 'work', GROUP);
    expect(next.runs).toEqual([expect.objectContaining({ name: 'stuck', attempt: 2 })]);
  });

  it('takes nothing back and dead-letters nothing when it continues after SIGSTOP', async () => {
    const [zombie] = (await fleet(1, { maxAttempts: 1 })) as [WorkerProcess];
    const tasks = [
      { name: 'finishes', holdMs: 600 },
      { name: 'fails', holdMs: 600, fail: true },
      { name: 'holds', holdMs: 60_000 },
    ];
    await order(stage.client(), tasks);
    await eventually(() => expect(runsOf([zombie], 'started')).toHaveLength(3));
    zombie.signal('SIGSTOP');
    const release: (() => void)[] = [];
    // Takes over, and is still running the entries when the zombie wakes.
    const successor = recordedService(() => new Promise<void>((resolve) => release.push(resolve)), WORKER_PATTERNS);
    await stage.serve(successor.handlers, { option: { ...survivors, maxAttempts: 5 } });
    await successor.untilRun(3);
    const owner = await ownersOf('work');
    zombie.signal('SIGCONT');
    await eventually(() => expect(runsOf([zombie], 'aborted')).toContain('holds'));
    await eventually(() => expect(runsOf([zombie], 'done')).toContain('finishes'));
    // Longer than a lease and than any retry of the zombie: by then it would have done any harm.
    const watched = performance.now();
    await eventually(() => expect(performance.now() - watched).toBeGreaterThan(QUICK.lease * 1.5));
    expect(await ownersOf('work')).toEqual(owner);
    expect(await stage.raw.exists('{work}:dead')).toBe(0);
    expect(runsOf([zombie], 'started')).toHaveLength(3);
    for (const settle of release) settle();
    await settled(stage.raw, 'work', GROUP);
    expect(successor.runs.map(({ attempt }) => attempt)).toEqual([2, 2, 2]);
  });

  it('causes one double at most and dead-letters nothing if its event loop is blocked for two leases', async () => {
    const [blocked] = (await fleet(1, { maxAttempts: 1 })) as [WorkerProcess];
    await order(stage.client(), [{ name: 'spins', spinMs: 2 * QUICK.lease, fail: true }]);
    await eventually(() => expect(blocked.runs('started', 'spins')).toHaveLength(1));
    const successor = recordedService(undefined, WORKER_PATTERNS);
    await stage.serve(successor.handlers, { option: { ...survivors, maxAttempts: 5 } });
    await successor.untilRun(1);
    await settled(stage.raw, 'work', GROUP);
    await eventually(() => expect(blocked.runs('aborted', 'spins').length + successor.runs.length).toBeGreaterThan(0));
    // Either of the two may handle the next event.
    await order(stage.client(), [{ name: 'after' }]);
    await eventually(() => expect([...blocked.runs('done', 'after'), ...successor.runs.slice(1)]).toHaveLength(1));
    expect(blocked.runs('started', 'spins')).toHaveLength(1);
    expect(successor.runs.filter(({ attempt }) => attempt > 1)).toHaveLength(1);
    expect(await stage.raw.exists('{work}:dead')).toBe(0);
  });

  it('dead-letters a message that kills its process, but not the 20 innocent ones read with it', async () => {
    await expectOnlyPoisonDead({});
  }, 60_000);

  it('dead-letters only the message that kills its process if every restart has the same consumer name', async () => {
    await expectOnlyPoisonDead({ consumer: 'worker-0' });
  }, 60_000);

  it('has its requests in flight answered by a survivor before their deadline', async () => {
    // Only one worker: of two waiting ones, the first to wake may take the whole batch.
    const [doomed] = (await fleet(1)) as [WorkerProcess];
    const client = stage.client({ requestTimeout: 15_000 });
    const answers = names('asked', 8).map((name) =>
      ask<{ name: string }>(client, 'work.request', { name, holdMs: 500 }),
    );
    await eventually(() => expect(runsOf([doomed], 'started').length).toBeGreaterThan(0));
    await doomed.end('SIGKILL');
    await fleet(1);
    const answered = await Promise.all(answers);
    expect(answered.map(({ name }) => name)).toEqual(names('asked', 8));
  });
});

/** Starts one process after another, until one survives the poison. */
async function expectOnlyPoisonDead(name: { consumer?: string }): Promise<void> {
  const innocents = names('innocent', 20);
  await stage.raw.xgroup('CREATE', 'work', GROUP, '0', 'MKSTREAM');
  const tasks = innocents.map((innocent) => ({ name: innocent, holdMs: 50 }));
  await order(stage.client(), [...tasks.slice(0, 10), { name: 'poison', exit: true }, ...tasks.slice(10)]);
  const lives: WorkerProcess[] = [];
  const option = { ...QUICK, ...name, lease: 500, maxAttempts: 3, concurrency: 32 };
  do {
    const worker = WorkerProcess.launch({ connection: stage.connection, option });
    stage.owns(() => worker.end());
    lives.push(worker);
    await eventually(async () => expect(worker.exited || (await stage.raw.exists('{work}:dead')) === 1).toBe(true), {
      within: 15_000,
    });
  } while (lives.at(-1)?.exited && lives.length < 8);
  await settled(stage.raw, 'work', GROUP, 15_000);
  const dead = await entriesOf(stage.raw, '{work}:dead');
  expect(dead.map(({ fields }) => JSON.parse(String(fields['data'])) as unknown)).toEqual([
    { name: 'poison', exit: true },
  ]);
  const first = lives[0] as WorkerProcess;
  expect(runsOf([first], 'started')).toEqual(expect.arrayContaining(['poison']));
  await untilDone(lives, innocents);
  expect(runsOf(lives, 'started').filter((task) => task === 'poison')).toHaveLength(3);
}

/** The consumer that owns each pending entry of a stream, by entry id. */
async function ownersOf(stream: string): Promise<Record<string, unknown>> {
  const rows = (await stage.raw.xpending(stream, GROUP, '-', '+', 100)) as [string, string, number, number][];
  return Object.fromEntries(rows.map(([id, owner]) => [id, owner]));
}
