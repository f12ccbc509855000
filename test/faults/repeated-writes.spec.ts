import { setTimeout as pause } from 'node:timers/promises';
import { fill } from '../support/backlog.js';
import { tell } from '../support/calls.js';
import { eventually } from '../support/eventually.js';
import { onEvent } from '../support/handlers.js';
import { linkOf } from '../support/role-proxy.js';
import { useStage } from '../support/stage.js';
import { pendingOf, settled } from '../support/stream-view.js';
import { recordedService } from '../support/recorded-service.js';

const stage = useStage();

type Pending = [id: string, consumer: string, idleMs: number, attempt: number];

async function attemptOf(stream: string): Promise<number | undefined> {
  const [found] = (await stage.raw.xpending(stream, 'service', '-', '+', 1)) as Pending[];
  return found?.[3];
}

describe('writes that have to be repeated', () => {
  it('count a retry once, although the reply to its first claim was lost', async () => {
    const { proxy, connection } = await linkOf(stage, 'writer');
    const flaky = recordedService((_name, ctx) => {
      if (ctx.getAttempt() === 1) throw new Error('the first attempt');
    });
    const client = stage.client();
    const option = { maxAttempts: 2, backoff: { delay: 600, maxDelay: 600 }, block: 500 };
    const retried: unknown[] = [];
    await stage.serve(flaky.handlers, {
      connection,
      option,
      prepare: (_app, server) => server.on('retried', (event) => retried.push(event)),
    });
    // A retry whose reply arrives makes Redis know the script.
    await tell(client, 'job', 'plain');
    await flaky.untilRun(2);
    await settled(stage.raw, 'job');
    await tell(client, 'job', 'flaky');
    await eventually(() => expect(retried).toHaveLength(2));
    proxy.set({ kind: 'swallowReplies' });
    await eventually(async () => expect(await attemptOf('job')).toBe(2));
    proxy.heal();
    proxy.rst();
    await flaky.untilRun(4);
    await settled(stage.raw, 'job');
    expect(flaky.of('flaky').map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect(await stage.raw.exists('{job}:dead')).toBe(0);
  });

  it('keep their pace: an ack that Redis refuses is not sent again with every ack of other entries', async () => {
    await stage.raw.call('ACL', 'SETUSER', 'worker', 'on', '>secret', '~*', '&*', '+@all');
    stage.owns(() => stage.raw.call('ACL', 'DELUSER', 'worker'));
    const heard: unknown[] = [];
    const handlers = [onEvent('refused', () => undefined), onEvent('quick', (data) => heard.push(data))];
    const connection = { ...stage.connection, username: 'worker', password: 'secret' };
    await stage.serve(handlers, { connection });
    await stage.raw.call('ACL', 'SETUSER', 'worker', 'resetkeys', '%R~refused', '~quick');
    await stage.raw.call('ACL', 'LOG', 'RESET');
    await fill(stage.raw, 'refused', 1);
    await eventually(async () => expect(await refusals('refused')).toBeGreaterThan(0));
    for (let n = 0; n < 200; n += 1) {
      await fill(stage.raw, 'quick', 1, n);
      await pause(5);
    }
    await eventually(() => expect(heard).toHaveLength(200));
    expect(await refusals('refused')).toBeLessThanOrEqual(5);
    await settled(stage.raw, 'quick');
    await stage.raw.call('ACL', 'SETUSER', 'worker', '~*');
    await eventually(async () => expect(await pendingOf(stage.raw, 'refused')).toBe(0), { within: 12_000 });
  });
});

/** Number of commands that Redis has refused because of missing rights to a key. */
async function refusals(key: string): Promise<number> {
  const log = (await stage.raw.call('ACL', 'LOG')) as unknown[][];
  const counts = log.map((row) => {
    const field = (name: string): unknown => row[row.indexOf(name) + 1];
    return field('object') === key ? Number(field('count')) : 0;
  });
  return counts.reduce((sum, count) => sum + count, 0);
}
