import { RequestCancelledError } from 'nestjs-redis-stream-transport';
import type { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import type { Subscription } from 'rxjs';
import { ask } from '../support/calls.js';
import { QUIETLY, abortedAfter, endless } from '../support/endless.js';
import type { Endless } from '../support/endless.js';
import { eventually } from '../support/eventually.js';
import { aliveOf } from '../support/garbage.js';
import { requestIn } from '../support/raw-request.js';
import { useStage } from '../support/stage.js';
import { pendingOf } from '../support/stream-view.js';

const OPTION = { lease: 30_000, shutdownTimeout: 100 };

const stage = useStage();
let open: Endless;

beforeEach(() => {
  open = endless();
  stage.owns(() => open.stop());
});

/** Collects everything that is published on a channel from now on. */
async function listenTo(channel: string): Promise<string[]> {
  const heard: string[] = [];
  const listener: Redis = stage.redis.client();
  stage.owns(() => listener.disconnect());
  listener.on('message', (_channel, message) => heard.push(message));
  await listener.subscribe(channel);
  return heard;
}

/** Returns what was published up to now: a marker separates it from anything later. */
async function heardUpToNow(heard: string[], channel: string): Promise<string[]> {
  const mark = randomUUID();
  await stage.raw.publish(channel, mark);
  await eventually(() => expect(heard).toContain(mark));
  return heard.slice(0, heard.indexOf(mark));
}

describe('the control channel', () => {
  it('carries the id of a request once when its caller stops waiting while it runs', async () => {
    const heard = await listenTo('app:ctl');
    await stage.serve(open.handlers, { option: { ...OPTION, prefix: 'app:' } });
    const subscription = stage.client({ prefix: 'app:' }).send('wait', {}).subscribe(QUIETLY);
    await open.untilRunning(1);
    const { id } = await requestIn(stage.raw, 'app:wait');
    subscription.unsubscribe();
    await eventually(() => expect(heard.map((text) => JSON.parse(text) as unknown)).toEqual([{ kind: 'cancel', id }]));
    await eventually(async () => expect(await stage.raw.xlen('app:wait')).toBe(0));
    expect(await heardUpToNow(heard, 'app:ctl')).toHaveLength(1);
  });

  it('carries nothing about a request that no server has read: it is only deleted', async () => {
    const heard = await listenTo('ctl');
    await stage.raw.xgroup('CREATE', 'wait', 'service', '0', 'MKSTREAM');
    const subscription = stage.client().send('wait', {}).subscribe(QUIETLY);
    await requestIn(stage.raw, 'wait');
    subscription.unsubscribe();
    await eventually(async () => expect(await stage.raw.xlen('wait')).toBe(0));
    expect(await heardUpToNow(heard, 'ctl')).toEqual([]);
  });

  it('ends the run of the request that a message names, whoever publishes the message', async () => {
    await stage.serve(open.handlers, { option: { ...OPTION, prefix: 'app:' } });
    const subscription = stage.client({ prefix: 'app:' }).send('wait', {}).subscribe(QUIETLY);
    await open.untilRunning(1);
    const { id } = await requestIn(stage.raw, 'app:wait');
    await stage.raw.publish('app:ctl', JSON.stringify({ kind: 'cancel', id }));
    await abortedAfter(open.runs[0], performance.now(), 3_000);
    expect(open.runs[0]?.signal.reason).toBeInstanceOf(RequestCancelledError);
    await eventually(async () => expect(await pendingOf(stage.raw, 'app:wait')).toBe(0));
    subscription.unsubscribe();
  });

  it.each([
    ['text that is not JSON', '{'],
    ['null', 'null'],
    ['no kind', '{}'],
    ['a kind of a later release', '{"kind":"later","id":"x"}'],
    ['no id', '{"kind":"cancel"}'],
    ['an id that is not a string', '{"kind":"cancel","id":["x"]}'],
    ['the name of a property of every object', '{"kind":"cancel","id":"__proto__"}'],
    ['an unknown id', JSON.stringify({ kind: 'cancel', id: randomUUID() })],
    ['a megabyte', 'x'.repeat(1_000_000)],
  ])('ignores a message with %s', async (_what, message) => {
    await stage.serve(open.handlers, { option: OPTION });
    const client = stage.client();
    const subscription = client.send('wait', {}).subscribe(QUIETLY);
    await open.untilRunning(1);
    expect(await stage.raw.publish('ctl', message)).toBe(1);
    expect(await ask(client, 'ping', 'still here')).toBe('still here');
    expect(open.runs[0]?.signal.aborted).toBe(false);
    expect(stage.log.text('error')).toBe('');
    subscription.unsubscribe();
    await abortedAfter(open.runs[0], performance.now(), 3_000);
  });
});

describe('5,000 requests that were cancelled while they ran', () => {
  it('leave nothing behind: no entry, no slot, no signal, no Node.js warning', async () => {
    const warnings: Error[] = [];
    const keep = (warning: Error): void => {
      if (warning.name === 'MaxListenersExceededWarning') warnings.push(warning);
    };
    process.on('warning', keep);
    stage.owns(() => process.off('warning', keep));
    await stage.serve(open.handlers, { option: { ...OPTION, concurrency: 1_000 } });
    const client = stage.client();
    await ask(client, 'ping', 1);
    const signals: WeakRef<AbortSignal>[] = [];
    for (let round = 1; round <= 5; round += 1) {
      const subscriptions: Subscription[] = [];
      for (let n = 0; n < 1_000; n += 1) subscriptions.push(client.send('wait', n).subscribe(QUIETLY));
      await open.untilRunning(1_000);
      for (const subscription of subscriptions) subscription.unsubscribe();
      await eventually(() => expect(open.runs.filter(({ signal }) => !signal.aborted).length).toBe(0));
      signals.push(...open.runs.splice(0).map(({ signal }) => new WeakRef(signal)));
    }
    await eventually(async () =>
      expect([await stage.raw.xlen('wait'), await pendingOf(stage.raw, 'wait')]).toEqual([0, 0]),
    );
    expect(await ask(client, 'ping', 2)).toBe(2);
    open.stop();
    await eventually(() => expect(aliveOf(signals)).toBeLessThan(100));
    expect(warnings).toEqual([]);
  }, 60_000);
});
