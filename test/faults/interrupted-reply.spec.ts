import { ReplyInterruptedError } from 'nestjs-redis-stream-transport';
import { fileURLToPath } from 'node:url';
import { deferred } from '../support/deferred.js';
import { eventually, outcomeOf, within } from '../support/eventually.js';
import { useStage } from '../support/stage.js';
import { settled } from '../support/stream-view.js';
import { WorkerProcess } from '../support/worker-process.js';
import { QUICK } from './support/fleet.js';

const STREAMING_WORKER = fileURLToPath(new URL('../support/fixtures/streaming-worker.ts', import.meta.url));
const stage = useStage();

describe('an instance that dies in the middle of a streamed reply', () => {
  it('leaves its caller with an error, never with a mixture of two replies', async () => {
    const workers = await Promise.all(
      [1, 2].map(() => WorkerProcess.start({ connection: stage.connection, option: QUICK }, STREAMING_WORKER)),
    );
    for (const worker of workers) stage.owns(() => worker.end());
    const values: string[] = [];
    const done = deferred();
    stage
      .client({ requestTimeout: 15_000 })
      .send<string>('tale', {})
      .subscribe({
        next: (value) => values.push(value),
        error: (error) => done.reject(error),
        complete: () => done.resolve(),
      });
    const end = outcomeOf(within(20_000, 'the end of the reply', done.promise));
    await eventually(() => expect(values.length).toBeGreaterThanOrEqual(3));
    const worker = workers.find(({ pid }) => values[0]?.startsWith(`${pid}-`));
    await worker?.end('SIGKILL');
    const outcome = await end;
    expect(new Set(values.map((value) => value.split('-')[0]))).toEqual(new Set([String(worker?.pid)]));
    expect(values.map((value) => Number(value.split('-')[1]))).toEqual(values.map((_, n) => n));
    expect(values.length).toBeLessThan(10);
    expect(outcome).toEqual({ error: expect.any(ReplyInterruptedError) });
    // The run whose caller no longer waits is over as well.
    await settled(stage.raw, 'tale', 'workers');
    expect(await stage.raw.xlen('tale')).toBe(0);
  }, 60_000);
});
