import { fill } from '../support/backlog.js';
import { deferred } from '../support/deferred.js';
import { eventually } from '../support/eventually.js';
import { onEvent, onRequest } from '../support/handlers.js';
import { writeRequest } from '../support/raw-request.js';
import { useStage } from '../support/stage.js';
import { callsOf, infoOf, pendingOf } from '../support/stream-view.js';

const stage = useStage();

/** Payloads may have a megabyte each, and a script that reads a hundred of them blocks Redis for 200 ms. */
describe('repeated work for held entries', () => {
  it('reads no payload when the leases of requests are renewed', async () => {
    const gate = deferred();
    stage.owns(() => gate.resolve());
    const option = { lease: 600, sweepInterval: 60_000, shutdownTimeout: 0 };
    await stage.serve([onRequest('work', () => gate.promise)], { option });
    for (let n = 0; n < 3; n++) await writeRequest(stage.raw, 'work', n);
    await eventually(async () => expect(await pendingOf(stage.raw, 'work')).toBe(3));
    const [reads, renewals] = [await callsOf(stage.raw, 'xrange'), await callsOf(stage.raw, 'xclaim')];
    await eventually(async () => expect(await callsOf(stage.raw, 'xclaim')).toBeGreaterThan(renewals + 6));
    expect(await callsOf(stage.raw, 'xrange')).toBe(reads);
    const [consumer] = await infoOf(stage.raw, 'CONSUMERS', 'work', 'service');
    expect(Number(consumer?.['idle'])).toBeLessThan(600);
    await stage.raw.del(...(await stage.raw.keys('reply:*')));
  });

  it('reads no payload when entries that wait for a retry are handed back', async () => {
    const fails = onEvent('job', () => {
      throw new Error('not here');
    });
    const option = { backoff: { delay: 60_000, maxDelay: 60_000 } };
    const leaving = await stage.serve([fails], { option });
    await fill(stage.raw, 'job', 20);
    await eventually(async () => expect(await pendingOf(stage.raw, 'job')).toBe(20));
    const reads = await callsOf(stage.raw, 'xrange');
    const [deleted] = (await stage.raw.xpending('job', 'service', '-', '+', 1)) as [[string]];
    await stage.raw.xdel('job', deleted[0]);
    await leaving.close();
    expect(await callsOf(stage.raw, 'xrange')).toBe(reads);
    expect(await pendingOf(stage.raw, 'job')).toBe(19);
  });
});
