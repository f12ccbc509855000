import { RedisStreamError, TransportUnavailableError } from 'nestjs-redis-stream-transport';
import { failureOf, tell } from '../support/calls.js';
import { isConnected } from '../support/connected.js';
import { eventually } from '../support/eventually.js';
import { useStage } from '../support/stage.js';

const stage = useStage();

/** In a cluster, a message for a node that is down fails at once, with an unknown outcome. */
describe('emit() to the only server while it is down', () => {
  it('waits publishTimeout for a connection, then says that nothing was stored', async () => {
    const client = stage.client({ publishTimeout: 200, connectTimeout: 200 });
    await client.connect();
    await stage.redis.kill();
    const error = await failureOf(tell(client, 'quiet', 1));
    await stage.redis.restart();
    expect(error).toBeInstanceOf(RedisStreamError);
    expect(error).toBeInstanceOf(TransportUnavailableError);
    expect(error).toMatchObject({ outcome: 'not-stored', retriable: true });
  });

  it('waits out a short outage without an error', async () => {
    const client = stage.client({ publishTimeout: 5_000 });
    await client.connect();
    await stage.redis.kill();
    await eventually(() => expect(isConnected(client, 'quiet')).toBe(false));
    const stored = tell(client, 'quiet', 1);
    await stage.redis.restart();
    await stored;
    expect(await stage.raw.xlen('quiet')).toBe(1);
  });
});
