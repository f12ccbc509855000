import type { Redis } from 'ioredis';
import { RequestCanceller } from '../../../lib/client/request-canceller.js';
import { Connection } from '../../../lib/redis/connection.js';
import { eventually } from '../../support/eventually.js';
import { FaultProxy } from '../../support/fault-proxy.js';
import { RedisProcess } from '../../support/redis-process.js';

describe('RequestCanceller', () => {
  let redis: RedisProcess;
  let raw: Redis;
  let proxy: FaultProxy;
  let writer: Connection;
  let canceller: RequestCanceller;

  beforeAll(async () => {
    redis = await RedisProcess.start();
    raw = redis.client();
  });
  afterAll(() => redis.stop());

  beforeEach(async () => {
    await raw.flushall();
    proxy = await FaultProxy.to(redis);
    const watcher = { statusChanged: (): void => undefined, failed: (): void => undefined };
    writer = new Connection('publisher', { host: proxy.host, port: proxy.port }, 1_000, watcher);
    canceller = new RequestCanceller(writer, 'ctl', () => undefined);
    writer.client.on('ready', () => canceller.resume());
    writer.open();
    await writer.ready();
  });
  afterEach(async () => {
    await writer.close();
    await proxy.close();
  });

  it('cancels again what was on its way when the connection was lost', async () => {
    const ids = [await raw.xadd('job', '*', 'data', '1'), await raw.xadd('job', '*', 'data', '2')];
    proxy.set({ kind: 'blackhole', direction: 'up' });
    for (const id of ids) canceller.cancel('job', { entryId: String(id), requestId: String(id) });
    const sent = canceller.flushed();
    proxy.rst();
    await sent;
    expect(await raw.xlen('job')).toBe(2);
    proxy.heal();
    await eventually(async () => expect(await raw.xlen('job')).toBe(0));
  });
});
