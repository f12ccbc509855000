import type { RedisStreamClient } from 'nestjs-redis-stream-transport';
import { fill } from '../support/backlog.js';
import { ask } from '../support/calls.js';
import { eventually } from '../support/eventually.js';
import { onEvent, onRequest } from '../support/handlers.js';
import { useStage } from '../support/stage.js';
import { pendingOf } from '../support/stream-view.js';

const stage = useStage();

/** Longer than any test here: an entry that waits for a retry waits until the end. */
const LONG = { delay: 60_000, maxDelay: 60_000 };
const WAITING = 200;
const CALLS = 41;
/** Slack for a scheduler that is busy with other tests. */
const SLACK_MS = 5;

function fails(): never {
  throw new Error('not now');
}

describe('entries that wait in one handler', () => {
  it('do not delay an event handler with one slot and its own group, beside 200 retries', async () => {
    const heard: unknown[] = [];
    const quick = onEvent('quick', (data) => heard.push(data), { concurrency: 1, group: 'quick' });
    await stage.serve([onEvent('failing', fails), quick], { option: { backoff: LONG } });
    await untilWaiting();
    await fill(stage.raw, 'quick', 5);
    await eventually(() => expect(heard).toEqual([0, 1, 2, 3, 4]), { within: 3_000 });
  });

  it('do not delay a request handler with one slot in the same group, beside 200 retries', async () => {
    const handlers = [onEvent('failing', fails), onRequest('echo', (data) => data, { concurrency: 1 })];
    await stage.serve(handlers, { option: { backoff: LONG } });
    await expectUnchangedLatency(stage.client({ requestTimeout: 3_000 }));
  });

  it('do not delay a request handler that shares its slots, beside 200 retries', async () => {
    const handlers = [onEvent('failing', fails), onRequest('echo', (data) => data)];
    await stage.serve(handlers, { option: { backoff: LONG } });
    await expectUnchangedLatency(stage.client({ requestTimeout: 3_000 }));
  });

  it('do not delay a handler with one slot, beside 200 entries whose acks Redis refuses', async () => {
    const heard: unknown[] = [];
    await stage.raw.call('ACL', 'SETUSER', 'worker', 'on', '>secret', '~*', '&*', '+@all');
    stage.owns(() => stage.raw.call('ACL', 'DELUSER', 'worker'));
    const refused: unknown[] = [];
    const handlers = [
      onEvent('refused', (data) => refused.push(data)),
      onEvent('quick', (data) => heard.push(data), { concurrency: 1 }),
    ];
    const connection = { ...stage.connection, username: 'worker', password: 'secret' };
    const { close } = await stage.serve(handlers, { connection, option: { shutdownTimeout: 100 } });
    await stage.raw.call('ACL', 'SETUSER', 'worker', 'resetkeys', '%R~refused', '~quick');
    await fill(stage.raw, 'refused', WAITING);
    await eventually(() => expect(refused).toHaveLength(WAITING));
    await fill(stage.raw, 'quick', 5);
    await eventually(() => expect(heard).toEqual([0, 1, 2, 3, 4]), { within: 3_000 });
    expect(await pendingOf(stage.raw, 'refused')).toBe(WAITING);
    await stage.raw.call('ACL', 'SETUSER', 'worker', '~*');
    await close();
  });
});

async function untilWaiting(): Promise<void> {
  await fill(stage.raw, 'failing', WAITING);
  await eventually(async () => expect(await pendingOf(stage.raw, 'failing')).toBe(WAITING));
}

async function expectUnchangedLatency(client: RedisStreamClient): Promise<void> {
  await medianLatency(client);
  const alone = await medianLatency(client);
  await untilWaiting();
  const beside = await medianLatency(client);
  expect(beside).toBeLessThanOrEqual(Math.max(alone * 1.2, alone + SLACK_MS));
}

/** Sends one call after another. The median, because a busy machine slows down some calls of any series. */
async function medianLatency(client: RedisStreamClient): Promise<number> {
  const times: number[] = [];
  for (let call = 0; call < CALLS; call += 1) {
    const asked = performance.now();
    expect(await ask(client, 'echo', call)).toBe(call);
    times.push(performance.now() - asked);
  }
  return times.toSorted((a, b) => a - b)[Math.floor(CALLS / 2)] as number;
}
