import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '../support/eventually.js';
import { fill } from '../support/backlog.js';
import { onEvent } from '../support/handlers.js';
import { linkOf } from '../support/role-proxy.js';
import { useStage } from '../support/stage.js';
import { callsOf, pendingOf } from '../support/stream-view.js';

const stage = useStage();

/** No lease ends within a test: what runs again was handed over. */
const OPTION = { lease: 60_000, sweepInterval: 100, block: 500 };
/** Nothing but the subject of the test is in progress when the server stops. */
const IDLE = { ...OPTION, sweepInterval: 60_000, block: 100 };
const LATE_MS = 300;
const HANDED_OVER_WITHIN_MS = 2_000;

const attemptsOf = async (stream: string): Promise<number[]> => {
  const pending = (await stage.raw.xpending(stream, 'service', '-', '+', 100)) as [string, string, number, number][];
  return pending.map(([, , , attempt]) => attempt);
};

describe('a server that stops', () => {
  it('hands over entries whose handlers fail when the end of the shutdown timeout aborts them', async () => {
    const runs: string[] = [];
    const obeys = onEvent('job', (_data, ctx) => {
      runs.push(`first, attempt ${ctx.getAttempt()}`);
      return new Promise((_resolve, reject) => {
        ctx.signal.addEventListener('abort', () => reject(new Error('stopped')));
      });
    });
    const leaving = await stage.serve([obeys], { option: { ...OPTION, shutdownTimeout: 200 } });
    await fill(stage.raw, 'job', 1);
    await eventually(() => expect(runs).toHaveLength(1));
    const next = onEvent('job', (_data, ctx) => runs.push(`second, attempt ${ctx.getAttempt()}`));
    await stage.serve([next], { option: OPTION });
    await leaving.close();
    await eventually(() => expect(runs).toEqual(['first, attempt 1', 'second, attempt 2']), {
      within: HANDED_OVER_WITHIN_MS,
    });
  });

  it('uses up no attempt of entries that it was about to retry', async () => {
    const { proxy, connection } = await linkOf(stage, 'writer');
    const fails = onEvent('job', () => {
      throw new Error('not here');
    });
    const option = { ...IDLE, maxAttempts: 2, backoff: { delay: 2_000, maxDelay: 2_000 } };
    const leaving = await stage.serve([fails], { connection, option });
    await fill(stage.raw, 'job', 20);
    await eventually(async () => expect(await pendingOf(stage.raw, 'job')).toBe(20));
    proxy.set({ kind: 'delay', ms: LATE_MS });
    // They fall due over the next second or so.
    await pause(900);
    await leaving.close();
    expect(await attemptsOf('job')).toEqual(Array.from({ length: 20 }, () => 1));
  });

  it('uses up no attempt of an entry of a dead process that it was about to run alone', async () => {
    await stage.raw.xgroup('CREATE', 'job', 'service', '0', 'MKSTREAM');
    await fill(stage.raw, 'job', 1);
    await stage.raw.xreadgroup('GROUP', 'service', 'dead', 'COUNT', 1, 'STREAMS', 'job', '>');
    const [[id]] = (await stage.raw.xpending('job', 'service', '-', '+', 1)) as [[string]];
    const { proxy, connection } = await linkOf(stage, 'writer');
    const ran: unknown[] = [];
    const option = { ...IDLE, sweepInterval: 1_000, maxAttempts: 2 };
    const leaving = await stage.serve([onEvent('job', (data) => ran.push(data))], { connection, option });
    proxy.set({ kind: 'delay', ms: LATE_MS });
    await stage.raw.xclaim('job', 'service', 'dead', 0, id, 'IDLE', 70_000, 'RETRYCOUNT', 1, 'JUSTID');
    const before = await callsOf(stage.raw, 'evalsha');
    await eventually(async () => expect(await callsOf(stage.raw, 'evalsha')).toBeGreaterThan(before));
    await leaving.close();
    expect(ran).toEqual([]);
    expect(await attemptsOf('job')).toEqual([1]);
  });
});
