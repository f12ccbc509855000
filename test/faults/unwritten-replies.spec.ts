import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '../support/eventually.js';
import { onRequest } from '../support/handlers.js';
import { linkOf } from '../support/role-proxy.js';
import { useStage } from '../support/stage.js';
import { settled } from '../support/stream-view.js';

const stage = useStage();

const REPLY = 'x'.repeat(500_000);
const REQUESTS = 400;
const SLOTS = 16;
/** 64 MiB of replies, the slots, and entries that were read ahead for them. */
const BOUND = 134 + 2 * SLOTS + 64;

describe('large replies that a stalled link keeps from Redis', () => {
  it('stop the server from reading further requests and from growing with them', async () => {
    const { proxy, connection } = await linkOf(stage, 'writer');
    let runs = 0;
    const large = onRequest('large', () => `${runs++}${REPLY}`);
    await stage.serve([large], { connection, option: { concurrency: SLOTS } });
    await stage.untilReading();
    proxy.set({ kind: 'blackhole', direction: 'both' });
    const inbox = randomUUID();
    for (let n = 0; n < REQUESTS; n++) {
      await stage.raw.xadd('large', '*', 'data', '1', 'id', randomUUID(), 'reply', inbox);
    }
    await eventually(() => expect(runs).toBeGreaterThan(100));
    await pause(1_000);
    expect(runs).toBeLessThanOrEqual(BOUND);
    proxy.heal();
    await settled(stage.raw, 'large', 'service', 15_000);
    expect(runs).toBe(REQUESTS);
  });
});
