import { RedisStreamDeadLetters } from 'nestjs-redis-stream-transport';
import { setTimeout as pause } from 'node:timers/promises';
import { fill } from '../support/backlog.js';
import { eventually } from '../support/eventually.js';
import { onEvent } from '../support/handlers.js';
import { useStage } from '../support/stage.js';
import { pendingOf, settled } from '../support/stream-view.js';

const stage = useStage();

/** No lease ends within a test: whatever is taken over was handed back. */
const OPTION = { lease: 60_000, sweepInterval: 100, block: 500, backoff: { delay: 60_000, maxDelay: 60_000 } };
const HANDLER_MS = 100;
const WORKED_OFF_MS = 3_000;

const fails = onEvent('job', () => {
  throw new Error('not here');
});

describe('entries that were handed back or redriven and killed no process', () => {
  it('run at the same time: 300 retries of a rolling deploy are done within 3 seconds', async () => {
    const attempts: number[] = [];
    const leaving = await stage.serve([fails], { option: { ...OPTION, maxAttempts: 2 } });
    await fill(stage.raw, 'job', 300);
    await eventually(async () => expect(await pendingOf(stage.raw, 'job')).toBe(300));
    const next = onEvent('job', async (_data, ctx) => {
      attempts.push(ctx.getAttempt());
      await pause(HANDLER_MS);
    });
    await stage.serve([next], { option: { ...OPTION, maxAttempts: 2 } });
    await leaving.close();
    await settled(stage.raw, 'job', 'service', WORKED_OFF_MS);
    expect(attempts).toHaveLength(300);
    expect(new Set(attempts)).toEqual(new Set([2]));
  });

  it('run at the same time: 200 redriven letters with two attempts are done within 3 seconds', async () => {
    let isMended = false;
    const attempts: number[] = [];
    const mended = onEvent('job', async (_data, ctx) => {
      if (!isMended) throw new Error('never');
      attempts.push(ctx.getAttempt());
      await pause(HANDLER_MS);
    });
    const option = { ...OPTION, maxAttempts: 2, backoff: { delay: 10, maxDelay: 10 } };
    await stage.serve([mended], { option });
    await fill(stage.raw, 'job', 200);
    await eventually(async () => expect(await stage.raw.xlen('{job}:dead')).toBe(200));
    isMended = true;
    const letters = new RedisStreamDeadLetters({ connection: stage.connection });
    stage.owns(() => letters.close());
    expect(await letters.redriveAll('job')).toBe(200);
    await settled(stage.raw, 'job', 'service', WORKED_OFF_MS);
    expect(attempts).toHaveLength(200);
    expect(new Set(attempts)).toEqual(new Set([1]));
  });
});
