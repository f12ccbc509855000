import { ask } from '../support/calls.js';
import { eventually } from '../support/eventually.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { useStage } from '../support/stage.js';
import { WorkerProcess } from '../support/worker-process.js';

const stage = useStage();
const DELAY_MS = 30;

describe('the connection on which a server receives cancellations', () => {
  it('may be lost any number of times while it subscribes: the process goes on and subscribes again', async () => {
    const proxy = await FaultProxy.to(stage.connection);
    stage.owns(() => proxy.close());
    const worker = await WorkerProcess.start({ connection: { host: proxy.host, port: proxy.port } });
    stage.owns(() => worker.end());
    // Slow enough for a loss to fall between a subscription and its answer.
    proxy.set({ kind: 'delay', ms: DELAY_MS });
    for (let n = 0; n < 40; n++) {
      proxy.rst();
      await new Promise((resolve) => setTimeout(resolve, 150 + n * 5));
    }
    proxy.heal();
    expect(worker.printed).not.toContain('MaxRetriesPerRequestError');
    expect(worker.exited).toBe(false);
    await eventually(async () => expect(await stage.raw.call('PUBSUB', 'NUMSUB', 'ctl')).toEqual(['ctl', 1]));
    await eventually(() => expect(ask(stage.client(), 'work.request', { name: 'alive' })).resolves.toBeDefined());
  }, 40_000);
});
