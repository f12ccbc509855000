import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { Controller } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import type { Redis } from 'ioredis';
import { TransportUnavailableError } from 'nestjs-redis-stream-transport';
import type { ConnectionRole, RedisStreamClient, RedisStreamServer } from 'nestjs-redis-stream-transport';
import { freePort } from '../../scripts/free-port.js';
import { ask, failureOf, tell } from '../support/calls.js';
import { outcomeOf, within } from '../support/eventually.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { useStage } from '../support/stage.js';

const stage = useStage();
const PASSWORD = 'open-sesame';

@Controller()
class Echo {
  @MessagePattern('echo')
  echo(@Payload() data: unknown): unknown {
    return data;
  }

  @EventPattern('told')
  told(@Payload() _data: unknown): void {}
}

const statesOf = (side: RedisStreamClient | RedisStreamServer): string[] =>
  side.unwrap<Redis[]>().map(({ status }) => status);

describe('connections', () => {
  it('are closed when client.close() and app.close() resolve', async () => {
    const { server, close } = await stage.serve([Echo]);
    const client = stage.client();
    await ask(client, 'echo', 1);
    const clients = [...server.unwrap<Redis[]>(), ...client.unwrap<Redis[]>()];
    expect(clients.map(({ status }) => status)).toEqual(clients.map(() => 'ready'));
    await Promise.all([close(), client.close()]);
    expect(clients.map(({ status }) => status)).toEqual(clients.map(() => 'end'));
  });

  it('are closed when a second close() resolves, as with the first one', async () => {
    const client = stage.client();
    await client.connect();
    const clients = client.unwrap<Redis[]>();
    void client.close();
    await client.close();
    expect(clients.map(({ status }) => status)).toEqual(['end', 'end']);
  });

  it('do not block close() when the other end is silent', async () => {
    const proxy = await FaultProxy.to(stage.redis);
    stage.owns(() => proxy.close());
    const client = stage.client({}, { host: proxy.host, port: proxy.port });
    await client.connect();
    proxy.set({ kind: 'blackhole', direction: 'both' });
    await within(2_500, 'the end', client.close());
    // The client could not ask Redis to delete its reply stream, which expires after a minute.
    await stage.raw.del(...(await stage.raw.keys('reply:*')));
  });

  it.each(['emit()', 'connect()'])('opened by %s are closed by a close() in the same turn', async (what) => {
    const client = stage.client();
    const started = what === 'emit()' ? tell(client, 'told', 1) : client.connect();
    expect(statesOf(client)).not.toContain('ready');
    await client.close();
    await started;
  });

  it('that are being made when close() is called connect first, as with the clients of Nest', async () => {
    for (const pause of [0, 1, 2, 5]) {
      const client = stage.client();
      const connecting = outcomeOf(client.connect());
      await new Promise((resolve) => setTimeout(resolve, pause));
      await client.close();
      expect(await connecting).toEqual({ value: undefined });
    }
  });

  it('that cannot be made when close() is called reject connect(), as with the clients of Nest', async () => {
    const client = stage.client({}, { host: '127.0.0.1', port: await freePort() });
    const connecting = failureOf(client.connect());
    await within(1_500, 'the end', client.close());
    expect(await connecting).toMatchObject({ code: 'TRANSPORT_CLOSED' });
  });
});

describe('a connection that cannot be made', () => {
  const deadPort = async (): Promise<number> => freePort();

  it('is reported with its address and the cause by connect() and by listen()', async () => {
    const port = await deadPort();
    const connection = { host: '127.0.0.1', port, username: 'me', password: PASSWORD };
    const client = stage.client({ connectTimeout: 200 }, connection);
    const { app } = await stage.prepare([Echo], { connection, option: { connectTimeout: 200 } });
    for (const error of [await failureOf(client.connect()), await failureOf(app.listen())]) {
      expect(error).toBeInstanceOf(TransportUnavailableError);
      expect(error).toMatchObject({
        message: `No connection to Redis at 127.0.0.1:${port} within 200 ms: connect ECONNREFUSED 127.0.0.1:${port}.`,
        cause: { code: 'ECONNREFUSED' },
      });
      expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(PASSWORD);
    }
  });

  it('fails emit() and send() with an error that says that nothing was stored', async () => {
    const port = await deadPort();
    const client = stage.client({ publishTimeout: 200 }, { host: '127.0.0.1', port });
    for (const call of [() => tell(client, 'told', 1), () => ask(client, 'echo', 1)]) {
      const error = await failureOf(call());
      expect(error).toBeInstanceOf(TransportUnavailableError);
      expect(String(error)).toContain(`127.0.0.1:${port}`);
      expect(String(error)).toContain('ECONNREFUSED');
      expect(String(error)).toMatch(/Nothing was stored\.$/);
      expect(error).toMatchObject({ cause: { code: 'ECONNREFUSED' }, outcome: 'not-stored' });
    }
  });

  it('is reported without the user and the password of a URL', async () => {
    const port = await deadPort();
    const client = stage.client({ connectTimeout: 200 }, `redis://someone:${PASSWORD}@127.0.0.1:${port}/0`);
    const error = await failureOf(client.connect());
    expect(String(error)).toContain(`at 127.0.0.1:${port} within`);
    expect(inspect(error, { depth: 10, showHidden: true })).not.toMatch(/open-sesame|someone/);
  });

  it('is reported with the nodes of a cluster', async () => {
    const [first, second] = [await deadPort(), await deadPort()];
    const nodes = [{ host: '127.0.0.1', port: first }, `redis://:${PASSWORD}@127.0.0.1:${second}`];
    const client = stage.client({ connectTimeout: 300 }, { nodes });
    const error = await failureOf(client.connect());
    expect(String(error)).toContain(`at 127.0.0.1:${first}, 127.0.0.1:${second} within`);
    expect(error).toMatchObject({ cause: { message: expect.stringContaining('slots cache') as string } });
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(PASSWORD);
  });

  it('is reported as a wrong password, without the password', async () => {
    await stage.raw.config('SET', 'requirepass', 'another-one');
    const client = stage.client({ connectTimeout: 300 }, { ...stage.connection, password: PASSWORD });
    const error = await failureOf(client.connect());
    await stage.raw.config('SET', 'requirepass', '');
    expect(String(error)).toContain('WRONGPASS');
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(PASSWORD);
  });

  it('is reported with the error of TLS', async () => {
    const plain = createServer((socket) =>
      socket
        .on('error', () => undefined)
        .resume()
        .end('-ERR no TLS here\r\n'),
    );
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
    stage.owns(() => plain.close());
    const { port } = plain.address() as AddressInfo;
    const client = stage.client({ connectTimeout: 300 }, { host: '127.0.0.1', port, tls: {} });
    expect(String(await failureOf(client.connect()))).toMatch(/wrong version number|SSL/i);
  });

  it('is no longer reported once the connection is made', async () => {
    const client = stage.client({ publishTimeout: 300 });
    await stage.redis.kill();
    expect(String(await failureOf(tell(client, 'told', 1)))).toContain('ECONNREFUSED');
    await stage.redis.restart();
    await client.connect();
    const roles: ConnectionRole[] = [];
    client.on('close', (role) => roles.push(role));
    await tell(client, 'told', 2);
    expect(await stage.raw.xlen('told')).toBe(1);
  });
});
