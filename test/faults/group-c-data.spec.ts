import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ask, failureOf, tell } from '../support/calls.js';
import { deferred } from '../support/deferred.js';
import { eventually } from '../support/eventually.js';
import { useStage } from '../support/stage.js';
import { entriesOf, infoOf, pendingOf, settled } from '../support/stream-view.js';
import { QUICK } from './support/fleet.js';
import { overlaps, recordedService } from '../support/recorded-service.js';

const stage = useStage();

describe('a service whose data is changed by others', () => {
  it('finishes its handlers after FLUSHALL, emits groupRecreated and handles later events', async () => {
    const gate = deferred();
    const recorded = recordedService((name) => (name === 'running' ? gate.promise : undefined));
    const { server } = await stage.serve(recorded.handlers, { option: QUICK });
    const told: string[] = [];
    server.on('groupRecreated', ({ stream }) => told.push(stream));
    const client = stage.client();
    await tell(client, 'job', 'running');
    await recorded.untilRun(1);
    await stage.raw.flushall();
    await tell(client, 'job', 'after');
    await eventually(() => expect(recorded.names()).toEqual(['running', 'after']));
    gate.resolve();
    await settled(stage.raw, 'job');
    expect(told).toContain('job');
    await tell(client, 'job', 'and on');
    await eventually(() => expect(recorded.names()).toEqual(['running', 'after', 'and on']));
  });

  it('emits streamUnusable for a stream that becomes a string, retries it slowly, reads the others and recovers', async () => {
    const recorded = recordedService((name) => name);
    const { server } = await stage.serve(recorded.handlers, { option: QUICK });
    const unusable: string[] = [];
    server.on('streamUnusable', ({ stream }) => unusable.push(stream));
    const client = stage.client();
    await tell(client, 'job', 'before');
    await recorded.untilRun(1);
    await stage.raw.set('job', 'a string');
    await eventually(() => expect(unusable).toContain('job'));
    expect(await ask(client, 'job.ask', 'unharmed')).toBe('unharmed');
    expect(await failureOf(tell(client, 'job', 'refused'))).toMatchObject({
      code: 'PUBLISH_REJECTED',
      retriable: false,
    });
    expect(unusable.length).toBeLessThan(3);
    await stage.raw.del('job');
    await tell(client, 'job', 'after');
    await eventually(() => expect(recorded.names()).toContain('after'), { within: 8_000 });
  });

  it('rejoins after a restart with older data: acks of missing ids do no harm, and later events are handled', async () => {
    const gate = deferred();
    const recorded = recordedService((name) => (name === 'vanishes' ? gate.promise : undefined));
    await stage.serve(recorded.handlers, { option: QUICK });
    const client = stage.client();
    await tell(client, 'job', 'kept');
    await recorded.untilRun(1);
    await settled(stage.raw, 'job');
    await stage.raw.save();
    await cp(join(stage.redis.dir, 'dump.rdb'), join(stage.redis.dir, 'old.rdb'));
    await tell(client, 'job', 'vanishes');
    await recorded.untilRun(2);
    await stage.redis.kill();
    await cp(join(stage.redis.dir, 'old.rdb'), join(stage.redis.dir, 'dump.rdb'));
    await stage.redis.restart();
    gate.resolve();
    await eventually(() => tell(client, 'job', 'after'));
    await eventually(() => expect(recorded.names()).toEqual(['kept', 'vanishes', 'after']));
    await settled(stage.raw, 'job');
  });

  it('handles what is left when others trim unread entries, and never trims those itself', async () => {
    const gate = deferred();
    const recorded = recordedService(() => gate.promise);
    await stage.serve(recorded.handlers, { option: { ...QUICK, concurrency: 1, retention: { maxLength: 0 } } });
    const client = stage.client();
    for (let n = 0; n < 50; n += 1) await tell(client, 'job', `n-${n}`);
    await recorded.untilRun(1);
    await pause(3 * QUICK.sweepInterval);
    expect(await stage.raw.xlen('job')).toBe(50);
    await stage.raw.xtrim('job', 'MAXLEN', 10);
    gate.resolve();
    await eventually(() => expect(recorded.names()).toContain('n-49'));
    await settled(stage.raw, 'job');
    // The entry that was running when it was trimmed, and the ten that were left; at most one more had been read.
    expect(recorded.runs.length).toBeLessThanOrEqual(12);
    expect(recorded.names().slice(-10)).toEqual(Array.from({ length: 10 }, (_, n) => `n-${n + 40}`));
  });

  it('acks deleted entries of a dead consumer, emits entryLost once for each, and does not sweep them again', async () => {
    await stage.raw.xgroup('CREATE', 'job', 'service', '0', 'MKSTREAM');
    const ids: string[] = [];
    for (let n = 0; n < 30; n += 1) ids.push(String(await stage.raw.xadd('job', '*', 'data', `"n-${n}"`)));
    await stage.raw.xreadgroup('GROUP', 'service', 'dead', 'COUNT', 30, 'STREAMS', 'job', '>');
    await stage.raw.xdel('job', ...ids.slice(0, 15));
    const lost: string[] = [];
    const recorded = recordedService();
    await stage.serve(recorded.handlers, {
      option: QUICK,
      prepare: (_app, server) => server.on('entryLost', ({ id }) => lost.push(id)),
    });
    await recorded.untilRun(15);
    await settled(stage.raw, 'job');
    expect(lost).toHaveLength(15);
    expect(new Set(lost)).toEqual(new Set(ids.slice(0, 15)));
    expect(recorded.runs).toHaveLength(15);
  });

  it('follows a cursor that an operator moves: replays or skips entries, with correct attempts', async () => {
    const recorded = recordedService();
    await stage.serve(recorded.handlers, { option: QUICK });
    const client = stage.client();
    for (const name of ['a', 'b', 'c']) await tell(client, 'job', name);
    await recorded.untilRun(3);
    await settled(stage.raw, 'job');
    await stage.raw.xgroup('SETID', 'job', 'service', '0');
    await tell(client, 'job', 'd');
    await eventually(() => expect(recorded.names()).toEqual(['a', 'b', 'c', 'a', 'b', 'c', 'd']));
    await settled(stage.raw, 'job');
    expect(recorded.runs.map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1, 1, 1, 1]);
    await stage.raw.xgroup('SETID', 'job', 'service', '$');
    await tell(client, 'job', 'e');
    await eventually(() => expect(recorded.names().at(-1)).toBe('e'));
  });

  it('handles ids from the future, and rejects publishing to a stream that has no ids left', async () => {
    const recorded = recordedService((name) => name);
    await stage.serve(recorded.handlers, { option: QUICK });
    const client = stage.client();
    const future = Date.now() + 86_400_000;
    await stage.raw.xadd('job', `${future}-0`, 'data', '"from tomorrow"');
    await recorded.untilRun(1);
    await tell(client, 'job', 'behind it');
    await recorded.untilRun(2);
    await stage.raw.xadd('job.ask', `${future}-0`, 'data', '"event on a request stream"');
    expect(await ask(client, 'job.ask', 'asked')).toBe('asked');
    await settled(stage.raw, 'job');
    await stage.raw.xadd('job', '18446744073709551615-18446744073709551615', 'data', '"the last"');
    await eventually(() => expect(recorded.names()).toContain('the last'));
    const error = await failureOf(tell(client, 'job', 'one more'));
    expect(error).toMatchObject({ code: 'PUBLISH_REJECTED', retriable: false });
    expect(String(error)).toContain('exhausted');
    expect(await ask(client, 'job.ask', 'still here')).toBe('still here');
  });

  it('neither runs an entry again nor dead-letters it because the clock jumps', async () => {
    const gate = deferred();
    const recorded = recordedService(() => gate.promise);
    const option = { ...QUICK, lease: 3_000, maxAttempts: 2 };
    await stage.serve(recorded.handlers, { option });
    const client = stage.client();
    for (let n = 0; n < 5; n += 1) await tell(client, 'job', `n-${n}`);
    await recorded.untilRun(5);
    const rows = (await stage.raw.xpending('job', 'service', '-', '+', 10)) as [string, string][];
    for (const [id, owner] of rows) {
      await stage.raw.xclaim('job', 'service', owner, 0, id, 'IDLE', 3_600_000, 'JUSTID');
    }
    await pause(5 * QUICK.sweepInterval);
    expect(recorded.runs).toHaveLength(5);
    expect(overlaps(recorded.runs)).toEqual([]);
    gate.resolve();
    await settled(stage.raw, 'job');
    expect(await stage.raw.exists('{job}:dead')).toBe(0);
    expect(await infoOf(stage.raw, 'GROUPS', 'job')).toHaveLength(1);
    expect(await pendingOf(stage.raw, 'job')).toBe(0);
    expect(await entriesOf(stage.raw, 'job')).toHaveLength(5);
  });
});
