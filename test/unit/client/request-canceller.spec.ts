import { RequestCanceller } from '../../../lib/client/request-canceller.js';
import { Connection } from '../../../lib/redis/connection.js';
import { eventually } from '../../support/eventually.js';
import { FaultProxy } from '../../support/fault-proxy.js';
import { useRedis } from '../../support/use-redis.js';

describe('RequestCanceller', () => {
  const redis = useRedis();
  let proxy: FaultProxy;
  let writer: Connection;
  let canceller: RequestCanceller;

  beforeEach(async () => {
    proxy = await FaultProxy.to(redis.process);
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
    const ids = [await redis.raw.xadd('job', '*', 'data', '1'), await redis.raw.xadd('job', '*', 'data', '2')];
    proxy.set({ kind: 'blackhole', direction: 'up' });
    for (const id of ids) canceller.cancel('job', { entryId: String(id), requestId: String(id) });
    const sent = canceller.flushed();
    proxy.rst();
    await sent;
    expect(await redis.raw.xlen('job')).toBe(2);
    proxy.heal();
    await eventually(async () => expect(await redis.raw.xlen('job')).toBe(0));
  });
});
