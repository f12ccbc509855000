import { Redis } from 'ioredis';
import type { Command } from 'ioredis';
import { setTimeout as pause } from 'node:timers/promises';
import { tell } from '../support/calls.js';
import { deferred } from '../support/deferred.js';
import { eventually } from '../support/eventually.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { useStage } from '../support/stage.js';
import { pendingOf, settled } from '../support/stream-view.js';
import { overlaps, station } from './support/station.js';

type Stream = Parameters<Redis['sendCommand']>[1];

const stage = useStage();
const OPTION = { lease: 500, sweepInterval: 100, block: 500 };
/** The script that takes entries for the reader, and it alone, has this as its fifth argument after group and consumer. */
const HANDED_OVER_IDLE_MS = '86400000';

describe('two ways to one entry', () => {
  it('F19 what a reader finds in its own pending list after a reconnect, and the sweep finds too, runs once', async () => {
    const proxy = await FaultProxy.to(stage.redis);
    stage.owns(() => proxy.close());
    const gate = deferred();

    /** Whoever looks for replies that were lost sees them in the pending list, and is slow to take them from there. */
    class SlowTaker extends Redis {
      override sendCommand(command: Command, stream?: Stream): unknown {
        const isOfReader = command.name.startsWith('eval') && String(command.args[7]) === HANDED_OVER_IDLE_MS;
        if (!isOfReader) return super.sendCommand(command, stream);
        return gate.promise.then(() => super.sendCommand(command, stream));
      }
    }
    const post = station(() => pause(1_000));
    await stage.serve(post.handlers, {
      connection: (options, role) =>
        role === 'reader'
          ? new Redis({ ...options, host: proxy.host, port: proxy.port })
          : new SlowTaker({ ...options, ...stage.connection }),
      option: OPTION,
    });
    await stage.untilReading();
    proxy.keepUpstreamOnClientLoss = true;
    proxy.set({ kind: 'swallowReplies' });
    await tell(stage.client(), 'job', 'found twice');
    await eventually(async () => expect(await pendingOf(stage.raw, 'job')).toBe(1));
    proxy.rst();
    proxy.heal();
    // The reader knows of the entry, and waits; the sweep takes it when its lease is over.
    await post.untilRun(1);
    gate.resolve();
    await settled(stage.raw, 'job');
    expect(post.runs).toHaveLength(1);
    expect(overlaps(post.runs)).toEqual([]);
  });

  it('F05 what Redis had given, and others took before it arrived, is not run when it does', async () => {
    const proxy = await FaultProxy.to(stage.redis);
    stage.owns(() => proxy.close());
    const gate = deferred();
    const post = station((name) => (name === 'after' ? undefined : gate.promise));
    await stage.serve(post.handlers, {
      connection: (options, role) =>
        new Redis({ ...options, ...(role === 'reader' ? { host: proxy.host, port: proxy.port } : stage.connection) }),
      // An answer that took longer than a read may block is late.
      option: { ...OPTION, lease: 1_000, block: 300 },
    });
    await stage.untilReading();
    proxy.set({ kind: 'blackhole', direction: 'down' });
    await tell(stage.client(), 'job', 'settled before');
    await post.untilRun(1);
    gate.resolve();
    await settled(stage.raw, 'job');
    proxy.heal();
    await tell(stage.client(), 'job', 'after');
    await settled(stage.raw, 'job');
    expect(post.runs.map(({ name, attempt }) => ({ name, attempt }))).toEqual([
      { name: 'settled before', attempt: 2 },
      { name: 'after', attempt: 1 },
    ]);
  });

  it('F08 an entry that was lost and comes back is not run beside its first run', async () => {
    const gate = deferred();
    const post = station((_name, ctx) => (ctx.getAttempt() === 1 ? gate.promise : undefined));
    const { server } = await stage.serve(post.handlers, { option: OPTION });
    const lost: string[] = [];
    server.on('leaseLost', ({ id }) => lost.push(id));
    await tell(stage.client(), 'job', 'contested');
    await post.untilRun(1);
    // Another consumer takes it, as after a stall, and dies.
    await stage.raw.xclaim('job', 'service', 'thief', 0, String(post.runs[0]?.id));
    await eventually(() => expect(lost).toHaveLength(1));
    expect(post.runs[0]?.aborted).toBe(true);
    await pause(3 * OPTION.lease);
    gate.resolve();
    await settled(stage.raw, 'job');
    expect(overlaps(post.runs)).toEqual([]);
    expect(post.runs).toHaveLength(2);
  });

  it('F21 a success that comes late and into an outage is acked after it, not run again', async () => {
    const proxy = await FaultProxy.to(stage.redis);
    stage.owns(() => proxy.close());
    const gate = deferred();
    const post = station(() => gate.promise);
    const connection = { host: proxy.host, port: proxy.port };
    await stage.serve(post.handlers, { connection, option: { ...OPTION, lease: 1_000 } });
    await tell(stage.client(), 'job', 'late');
    await post.untilRun(1);
    // No lease can be renewed, so the ack has to ask first; and whom it asks hangs up.
    proxy.set({ kind: 'blackhole', direction: 'up' });
    await pause(900);
    gate.resolve();
    await pause(20);
    proxy.rst();
    proxy.heal();
    await settled(stage.raw, 'job');
    expect(post.runs).toHaveLength(1);
  });
});
