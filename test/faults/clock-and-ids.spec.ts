import { RedisStreamDeadLetters } from 'nestjs-redis-stream-transport';
import { fileURLToPath } from 'node:url';
import { ask, tell } from '../support/calls.js';
import { deferred } from '../support/deferred.js';
import { eventually } from '../support/eventually.js';
import { useStage } from '../support/stage.js';
import { settled } from '../support/stream-view.js';
import { WorkerProcess } from '../support/worker-process.js';
import { names, QUICK } from './support/fleet.js';
import { recordedService } from '../support/recorded-service.js';

const STEPPING_WORKER = fileURLToPath(new URL('../support/fixtures/stepping-worker.ts', import.meta.url));
const LAST_SEQUENCE = '18446744073709551615';
/** Page size for pending entries: each full page ends with an id whose sequence cannot grow. */
const PAGE = 100;

const stage = useStage();
let gate = deferred();
beforeEach(() => {
  gate = deferred();
  stage.owns(() => gate.resolve());
});

/** The fields that make an entry a dead letter. */
const LETTER = ['x-stream', 'job', 'x-group', 'service', 'x-id', '1-0', 'x-attempts', '1', 'x-reason', 'failed'];

async function addLastIds(stream: string, count: number, fields: readonly string[] = []): Promise<string[]> {
  const ids = Array.from({ length: count }, (_, n) => `${n + 1}-${LAST_SEQUENCE}`);
  for (const [n, id] of ids.entries()) await stage.raw.xadd(stream, id, 'data', `"last-${n}"`, ...fields);
  return ids;
}

describe('entries whose id has the last sequence of its millisecond', () => {
  it.each([PAGE, PAGE + 20])('do not stop a lane after a lost connection: %i of them are running', async (count) => {
    const busy = recordedService((name) => (name.startsWith('last') ? gate.promise : undefined));
    await stage.serve(busy.handlers, { option: { concurrency: 2 * PAGE, block: 500 } });
    await addLastIds('job', count);
    await busy.untilRun(count);
    await stage.killConnections();
    await tell(stage.client(), 'job', 'next');
    await eventually(() => expect(busy.names()).toContain('next'), { within: 2_000 });
    gate.resolve();
    await settled(stage.raw, 'job');
    expect(busy.runs).toHaveLength(count + 1);
  });

  it('are all taken over from a dead consumer, over more than one page', async () => {
    const [slots, count] = [20, PAGE + 50];
    await stage.raw.xgroup('CREATE', 'job', 'service', '0', 'MKSTREAM');
    await addLastIds('job', count);
    await stage.raw.xreadgroup('GROUP', 'service', 'dead', 'COUNT', count, 'STREAMS', 'job', '>');
    const successor = recordedService();
    await stage.serve(successor.handlers, { option: { ...QUICK, concurrency: slots } });
    await eventually(() => expect(new Set(successor.names()).size).toBe(count));
    await settled(stage.raw, 'job');
  });

  it('are listed page by page as dead letters', async () => {
    const ids = await addLastIds('{job}:dead', 3, LETTER);
    const letters = new RedisStreamDeadLetters({ connection: stage.connection });
    stage.owns(() => letters.close());
    const found: string[] = [];
    let after: string | undefined;
    do {
      const page = await letters.list('job', after === undefined ? { count: 1 } : { after, count: 1 });
      found.push(...page.letters.map(({ id }) => id));
      after = page.next;
    } while (after !== undefined);
    expect(found).toEqual(ids);
  });

  it('are followed by an empty page if the id is the last one possible', async () => {
    const last = `${LAST_SEQUENCE}-${LAST_SEQUENCE}`;
    await stage.raw.xadd('{job}:dead', last, 'data', '1', ...LETTER);
    const letters = new RedisStreamDeadLetters({ connection: stage.connection });
    stage.owns(() => letters.close());
    expect(await letters.list('job', { after: last })).toEqual({ letters: [], next: undefined });
  });
});

describe('a wall clock that jumps a minute ahead under a running server', () => {
  it('expires no request whose caller is still waiting', async () => {
    const worker = await WorkerProcess.start(
      { connection: stage.connection, option: { sweepInterval: 60_000 } },
      STEPPING_WORKER,
    );
    stage.owns(() => worker.end());
    const client = stage.client({ requestTimeout: 8_000 });
    expect(await ask(client, 'work.request', { name: 'before' })).toEqual({ name: 'before' });
    worker.signal('SIGWINCH');
    await eventually(() => expect(worker.printed).toContain('the clock is a minute ahead'));
    const asked = names('after', 20);
    const answers = await Promise.all(asked.map((name) => ask(client, 'work.request', { name })));
    expect(answers).toEqual(asked.map((name) => ({ name })));
    expect(asked.filter((name) => worker.runs('started', name).length !== 1)).toEqual([]);
  });
});
