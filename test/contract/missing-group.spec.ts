import { setTimeout as pause } from 'node:timers/promises';
import { ask } from '../support/calls.js';
import { eventually } from '../support/eventually.js';
import { onEvent, onRequest } from '../support/handlers.js';
import { linkOf } from '../support/role-proxy.js';
import { useStage } from '../support/stage.js';

const stage = useStage();
const TEN = Array.from({ length: 10 }, (_, n) => n);

/** Answers after a delay, so that another group has time to read the request too. */
const price = onRequest('price', async (n) => {
  await pause(200);
  return `price ${String(n)}`;
});
const auditor = onEvent('price', () => 'the auditor');

describe('a group of event handlers beside the group that answers requests', () => {
  it('does not answer in its place while Redis has lost all groups and only its own exists again', async () => {
    const { proxy, connection } = await linkOf(stage, 'reader');
    await stage.serve([price], { connection });
    // Several instances, of which only one creates the group again.
    const option = { consumerGroup: 'audit' };
    for (let instance = 0; instance < 4; instance++) await stage.serve([auditor], { option });
    const client = stage.client();
    await client.connect();
    proxy.set({ kind: 'blackhole', direction: 'both' });
    await stage.raw.flushall();
    await stage.untilReading(5);
    const answers: Promise<unknown>[] = [];
    // One by one, so that each wakes the reader that has waited longest.
    for (const n of TEN) {
      answers.push(ask(client, 'price', n));
      await eventually(async () => expect(await stage.raw.xlen('price')).toBe(n + 1));
    }
    proxy.heal();
    expect(await Promise.all(answers)).toEqual(TEN.map((n) => `price ${n}`));
  });

  it('does not answer in its place when the other group is suddenly missing', async () => {
    const { proxy, connection } = await linkOf(stage, 'reader');
    await stage.serve([price], { connection });
    await stage.serve([auditor], { option: { consumerGroup: 'audit' } });
    const client = stage.client();
    expect(await ask(client, 'price', 1)).toBe('price 1');
    // Longer than the auditor remembers the other group, and than it doubts its own after it has joined.
    await pause(2_100);
    proxy.set({ kind: 'blackhole', direction: 'both' });
    await stage.raw.xgroup('DESTROY', 'price', 'service');
    const answer = ask(client, 'price', 7);
    await eventually(async () => expect(await stage.raw.xlen('price')).toBe(1));
    await pause(100);
    proxy.heal();
    expect(await answer).toBe('price 7');
  });
});
