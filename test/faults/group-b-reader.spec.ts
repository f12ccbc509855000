import { Redis } from 'ioredis';
import type { Command } from 'ioredis';
import { setTimeout as pause } from 'node:timers/promises';
import { tell } from '../support/calls.js';
import { deferred } from '../support/deferred.js';
import { eventually } from '../support/eventually.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { useStage } from '../support/stage.js';
import { pendingOf, settled } from '../support/stream-view.js';
import { overlaps, recordedService } from '../support/recorded-service.js';

type Stream = Parameters<Redis['sendCommand']>[1];

const stage = useStage();
const OPTION = { lease: 500, sweepInterval: 100, block: 500 };
/** Only the script that takes entries for the reader has this as its fifth argument (the first is the group). */
const HANDED_OVER_IDLE_MS = '86400000';

describe('an entry that reaches a process in two ways', () => {
  it('runs once if the reader finds it in its own pending list after a reconnect, and the sweep finds it, too', async () => {
    const proxy = await FaultProxy.to(stage.redis);
    stage.owns(() => proxy.close());
    const gate = deferred();

    /** Delays the reader, which has seen the entry in its pending list, before it takes it from there. */
    class SlowTaker extends Redis {
      override sendCommand(command: Command, stream?: Stream): unknown {
        const isOfReader = command.name.startsWith('eval') && String(command.args[7]) === HANDED_OVER_IDLE_MS;
        if (!isOfReader) return super.sendCommand(command, stream);
        return gate.promise.then(() => super.sendCommand(command, stream));
      }
    }
    const recorded = recordedService(() => pause(1_000));
    await stage.serve(recorded.handlers, {
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
    // The reader knows about the entry and waits; the sweep takes it when its lease is over.
    await recorded.untilRun(1);
    gate.resolve();
    await settled(stage.raw, 'job');
    expect(recorded.runs).toHaveLength(1);
    expect(overlaps(recorded.runs)).toEqual([]);
  });

  it('does not run on late delivery if it was taken over and settled in the meantime', async () => {
    const proxy = await FaultProxy.to(stage.redis);
    stage.owns(() => proxy.close());
    const gate = deferred();
    const recorded = recordedService((name) => (name === 'after' ? undefined : gate.promise));
    await stage.serve(recorded.handlers, {
      connection: (options, role) =>
        new Redis({ ...options, ...(role === 'reader' ? { host: proxy.host, port: proxy.port } : stage.connection) }),
      // A reply to a read is late if it takes longer than `block`.
      option: { ...OPTION, lease: 1_000, block: 300 },
    });
    await stage.untilReading();
    proxy.set({ kind: 'blackhole', direction: 'down' });
    await tell(stage.client(), 'job', 'settled before');
    await recorded.untilRun(1);
    gate.resolve();
    await settled(stage.raw, 'job');
    proxy.heal();
    await tell(stage.client(), 'job', 'after');
    await settled(stage.raw, 'job');
    expect(recorded.runs.map(({ name, attempt }) => ({ name, attempt }))).toEqual([
      { name: 'settled before', attempt: 2 },
      { name: 'after', attempt: 1 },
    ]);
  });

  it('does not run beside its first run if it was lost and comes back', async () => {
    const gate = deferred();
    const recorded = recordedService((_name, ctx) => (ctx.getAttempt() === 1 ? gate.promise : undefined));
    const { server } = await stage.serve(recorded.handlers, { option: OPTION });
    const lost: string[] = [];
    server.on('leaseLost', ({ id }) => lost.push(id));
    await tell(stage.client(), 'job', 'contested');
    await recorded.untilRun(1);
    // Another consumer takes it, as after a stall, and then dies.
    await stage.raw.xclaim('job', 'service', 'other', 0, String(recorded.runs[0]?.id));
    await eventually(() => expect(lost).toHaveLength(1));
    expect(recorded.runs[0]?.aborted).toBe(true);
    await pause(3 * OPTION.lease);
    gate.resolve();
    await settled(stage.raw, 'job');
    expect(overlaps(recorded.runs)).toEqual([]);
    expect(recorded.runs).toHaveLength(2);
  });

  it('is acked after an outage, not run again, if its handler succeeds late and during the outage', async () => {
    const proxy = await FaultProxy.to(stage.redis);
    stage.owns(() => proxy.close());
    const gate = deferred();
    const recorded = recordedService(() => gate.promise);
    const connection = { host: proxy.host, port: proxy.port };
    await stage.serve(recorded.handlers, { connection, option: { ...OPTION, lease: 1_000 } });
    await tell(stage.client(), 'job', 'late');
    await recorded.untilRun(1);
    // No lease can be renewed, so the ack has to check the owner first; then its connection is reset.
    proxy.set({ kind: 'blackhole', direction: 'up' });
    await pause(900);
    gate.resolve();
    await pause(20);
    proxy.rst();
    proxy.heal();
    await settled(stage.raw, 'job');
    expect(recorded.runs).toHaveLength(1);
  });
});
