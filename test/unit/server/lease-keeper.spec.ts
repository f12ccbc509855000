import { jest } from '@jest/globals';
import type { Connection } from '../../../lib/redis/connection.js';
import { RENEW } from '../../../lib/redis/lua.generated.js';
import type { GroupStream } from '../../../lib/server/holding/group-stream.js';
import type { HeldEntry } from '../../../lib/server/holding/held-entry.js';
import { ServerEventEmitter } from '../../../lib/server/holding/server-events.js';
import { LeaseKeeper } from '../../../lib/server/keeping/lease-keeper.js';
import { eventually } from '../../support/eventually.js';
import { FaultProxy } from '../../support/fault-proxy.js';
import { useRedis } from '../../support/use-redis.js';
import { callsOf } from '../../support/stream-view.js';
import { delivered } from './support/delivered.js';
import { groupStreamOf, quietRun } from './support/entries.js';
import { writerTo } from './support/server-parts.js';

const LEASE_MS = 300;
/** The first regular renewal would come after the test. */
const LONG_LEASE_MS = 60_000;

describe('LeaseKeeper', () => {
  const redis = useRedis();
  let proxy: FaultProxy;
  let writer: Connection;
  let keeper: LeaseKeeper;
  let groupStream: GroupStream;
  let lost: string[];

  beforeEach(async () => {
    await redis.raw.script('LOAD', RENEW.body);
    proxy = await FaultProxy.to(redis.process);
    writer = writerTo(proxy.port);
    writer.open();
    await writer.ready();
    groupStream = groupStreamOf();
    lost = [];
  });
  afterEach(async () => {
    proxy.heal();
    await keeper.stop();
    await writer.close();
    await proxy.close();
  });

  function keep(leaseMs: number): void {
    const events = new ServerEventEmitter(() => undefined);
    events.on('leaseLost', ({ id }) => void lost.push(id));
    keeper = new LeaseKeeper([groupStream], { writer, events }, leaseMs);
    keeper.start();
  }

  /** A running entry whose lease was last confirmed so long ago. */
  async function running(sinceMs: number): Promise<HeldEntry> {
    const entry = await delivered(redis.raw, groupStream, ['data', '7']);
    entry.queue();
    entry.run(quietRun);
    entry.confirm(performance.now() - sinceMs);
    return entry;
  }

  it('renews the leases as soon as the connection is back, not with the next regular turn', async () => {
    const entry = await running(LONG_LEASE_MS / 2);
    keep(LONG_LEASE_MS);
    const lostAt = performance.now();
    proxy.rst();
    await eventually(() => expect(entry.ownedAt).toBeGreaterThan(lostAt));
  });

  it('counts a lease from the moment the renewal was sent, since Redis may have renewed it then', async () => {
    const entry = await running(LEASE_MS);
    const confirm = jest.spyOn(entry, 'confirm');
    const before = await callsOf(redis.raw, 'evalsha');
    proxy.set({ kind: 'blackhole', direction: 'down' });
    keep(LEASE_MS);
    await eventually(async () => expect(await callsOf(redis.raw, 'evalsha')).toBe(before + 1));
    const renewed = performance.now();
    proxy.heal();
    await eventually(() => expect(confirm).toHaveBeenCalled());
    expect(confirm.mock.calls[0]?.[0]).toBeLessThan(renewed);
  });

  it('takes an entry as lost that another consumer owns, and keeps the others', async () => {
    const [entry, other] = [await running(LEASE_MS), await running(LEASE_MS)];
    await redis.raw.xclaim(groupStream.stream, groupStream.group, 'two', 0, entry.id);
    keep(LEASE_MS);
    await eventually(() => expect(lost).toEqual([entry.id]));
    expect([entry.isOurs, other.phase]).toEqual([false, 'running']);
  });

  it('does not take an entry as lost that is no longer pending because its ack has just arrived', async () => {
    const [entry, other] = [await running(LEASE_MS), await running(LEASE_MS)];
    entry.settle();
    await redis.raw.xack(groupStream.stream, groupStream.group, entry.id);
    const confirmed = other.ownedAt;
    keep(LEASE_MS);
    // Both are in one call.
    await eventually(() => expect(other.ownedAt).toBeGreaterThan(confirmed));
    expect([lost, entry.phase]).toEqual([[], 'settling']);
  });
});
