import { RequestCancelledError } from 'nestjs-redis-stream-transport';
import { setTimeout as pause } from 'node:timers/promises';
import type { Subscription } from 'rxjs';
import { ask } from '../support/calls.js';
import { QUIETLY, abortedAfter, endless } from '../support/endless.js';
import type { Endless } from '../support/endless.js';
import { eventually } from '../support/eventually.js';
import { requestIn } from '../support/raw-request.js';
import { useStage } from '../support/stage.js';
import { pendingOf, settled } from '../support/stream-view.js';

const LEASE_MS = 1_500;
/** A third of the lease plus a second, doubled for a busy machine. */
const SLOWLY_MS = 2 * (LEASE_MS / 3 + 1_000);
const OPTION = { lease: LEASE_MS, shutdownTimeout: 100 };
const PASSWORD = 'quiet-please';

const stage = useStage();
let open: Endless;

beforeEach(() => {
  open = endless();
  stage.owns(() => open.stop());
});

/** Connection options of a user with every right except these. */
async function userWithout(
  ...refused: string[]
): Promise<{ host: string; port: number; username: string; password: string }> {
  const rules = refused.map((rule) => `-${rule}`);
  await stage.raw.call('ACL', 'SETUSER', 'quiet', 'reset', 'on', `>${PASSWORD}`, '~*', '&*', '+@all', ...rules);
  return { ...stage.connection, username: 'quiet', password: PASSWORD };
}

/** The levels of the log lines about the missing right. */
function linesOnControl(): string[] {
  const lines = stage.log.lines.filter(({ text }) => /\b(publish|subscribe|xpending|cancel)/i.test(text));
  return lines.map(({ level }) => level);
}

async function leaveOneAfterTheOther(subscriptions: readonly Subscription[]): Promise<void> {
  for (const [at, subscription] of subscriptions.entries()) {
    subscription.unsubscribe();
    const leftAt = performance.now();
    expect(await abortedAfter(open.runs[at], leftAt, 8_000)).toBeLessThan(SLOWLY_MS);
    expect(open.runs[at]?.signal.reason).toBeInstanceOf(RequestCancelledError);
  }
}

describe('without the rights for the control channel', () => {
  it('a server that cannot subscribe ends a run with its next renewal, and logs one line', async () => {
    await stage.serve(open.handlers, { option: OPTION, connection: await userWithout('subscribe') });
    const client = stage.client();
    const subscriptions = [1, 2].map((n) => client.send('wait', n).subscribe(QUIETLY));
    await open.untilRunning(2);
    await leaveOneAfterTheOther(subscriptions);
    await eventually(async () => expect(await pendingOf(stage.raw, 'wait')).toBe(0));
    expect(linesOnControl()).toEqual(['log']);
    expect(await ask(client, 'ping', 1)).toBe(1);
  });

  it.each([
    ['publish', ['publish']],
    ['read the pending list', ['xpending']],
    ['do either, or run a script', ['publish', 'xpending', 'eval', 'evalsha']],
  ])('a caller that cannot %s still deletes its request, and logs one line', async (_what, refused) => {
    await stage.serve(open.handlers, { option: OPTION });
    const client = stage.client({}, await userWithout(...refused));
    const subscriptions = [1, 2].map((n) => client.send('wait', n).subscribe(QUIETLY));
    await open.untilRunning(2);
    await leaveOneAfterTheOther(subscriptions);
    await eventually(async () => expect(await stage.raw.xlen('wait')).toBe(0));
    await eventually(async () => expect(await pendingOf(stage.raw, 'wait')).toBe(0));
    expect(linesOnControl()).toEqual(['log']);
    expect(await ask(client, 'ping', 1)).toBe(1);
  });
});

describe('an entry that is deleted while its handler runs', () => {
  it('ends the run of a request', async () => {
    await stage.serve(open.handlers, { option: OPTION });
    const subscription = stage.client().send('ticks', {}).subscribe(QUIETLY);
    await open.untilRunning(1);
    const { entryId } = await requestIn(stage.raw, 'ticks');
    await stage.raw.xdel('ticks', entryId);
    const deletedAt = performance.now();
    expect(await abortedAfter(open.runs[0], deletedAt, 8_000)).toBeLessThan(SLOWLY_MS);
    expect(open.runs[0]?.unsubscribedAt).toBeDefined();
    await eventually(async () => expect(await pendingOf(stage.raw, 'ticks')).toBe(0));
    subscription.unsubscribe();
  });

  it('does not end the run of an event', async () => {
    await stage.serve(open.handlers, { option: OPTION });
    const id = String(await stage.raw.xadd('tide', '*', 'data', '1'));
    await open.untilRunning(1);
    await stage.raw.xdel('tide', id);
    // Renewals come every third of a lease.
    await pause(2 * LEASE_MS);
    expect(open.runs[0]?.signal.aborted).toBe(false);
    open.stop();
    await settled(stage.raw, 'tide');
    expect(open.runs).toHaveLength(1);
  });
});

describe('an entry that another consumer has taken', () => {
  it('ends the run in this process: its Observable is unsubscribed and its slot is free', async () => {
    await stage.serve(open.handlers, { option: { ...OPTION, concurrency: 1 } });
    const client = stage.client();
    const subscription = client.send('ticks', {}).subscribe(QUIETLY);
    await open.untilRunning(1);
    const { entryId } = await requestIn(stage.raw, 'ticks');
    await stage.raw.xclaim('ticks', 'service', 'other', 0, entryId, 'JUSTID');
    const takenAt = performance.now();
    expect(await abortedAfter(open.runs[0], takenAt, 8_000)).toBeLessThan(SLOWLY_MS);
    await eventually(() => expect(open.runs[0]?.unsubscribedAt).toBeDefined(), { within: 1_000 });
    expect(await ask(client, 'ping', 'free')).toBe('free');
    await stage.raw.xack('ticks', 'service', entryId);
    subscription.unsubscribe();
  });
});
