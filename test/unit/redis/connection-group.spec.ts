import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { RedisOptions } from 'ioredis';
import { ConnectionGroup } from '../../../lib/redis/connection-group.js';
import type { ConnectionRole } from '../../../lib/interfaces/connection.js';
import { freePort } from '../../../scripts/free-port.js';
import { eventually, within } from '../../support/eventually.js';
import { RedisProcess } from '../../support/redis-process.js';

const BLOCK_MS = 100;

let server: RedisProcess;
let statuses: string[];
let complaints: string[];
let groups: ConnectionGroup[];

beforeAll(async () => {
  server = await RedisProcess.start();
});
afterAll(() => server.stop());
beforeEach(() => {
  statuses = [];
  complaints = [];
  groups = [];
});
afterEach(() => Promise.all(groups.map((group) => group.close())));

/** A group whose roles can connect to ports other than the port of the server. */
function groupOf(ports: Partial<Record<ConnectionRole, number>> = {}, own: RedisOptions = {}): ConnectionGroup {
  const group = new ConnectionGroup(
    (options, role) => new Redis({ host: server.host, port: ports[role] ?? server.port, ...own, ...options }),
    BLOCK_MS,
    {
      statusChanged: (status) => statuses.push(status),
      failed: (role) => complaints.push(role),
      recovered: () => undefined,
      listenerFailed: () => undefined,
    },
  );
  groups.push(group);
  return group;
}

describe('the control connection of a group', () => {
  it('delays nothing when it cannot connect, and neither changes the status nor writes to the log', async () => {
    const group = groupOf({ control: await freePort() });
    const writer = group.add('writer');
    const control = group.add('control');
    await within(1_000, 'the group', group.ready(5_000));
    expect({ group: group.isReady, control: control.isReady, clients: group.clients }).toEqual({
      group: true,
      control: false,
      clients: [writer.client],
    });
    await eventually(() => expect(statuses).toEqual(['connected']));
    await eventually(() => expect(control.client.status).toBe('reconnecting'));
    expect(complaints).toEqual([]);
  });

  it('changes no status when it is lost and comes back, and leaves subscribing again to its user', async () => {
    const group = groupOf();
    const writer = group.add('writer');
    const control = group.add('control');
    await group.ready(5_000);
    await control.ready(5_000);
    const heard: string[] = [];
    control.client.on('message', (_channel: string, text: string) => heard.push(text));
    await control.client.subscribe('ctl');
    await eventually(() => expect(statuses).toEqual(['connected']));
    control.client.on('ready', () => void control.client.subscribe('ctl'));
    await writer.client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await eventually(async () => {
      await writer.client.publish('ctl', 'again');
      expect(heard).toContain('again');
    });
    expect(statuses).toEqual(['connected']);
  });

  it('stays open while it is idle, whatever timeouts the user sets', async () => {
    const group = groupOf({}, { commandTimeout: 100, socketTimeout: 100 });
    group.add('writer');
    const control = group.add('control');
    await group.ready(5_000);
    await control.ready(5_000);
    await control.client.subscribe('ctl');
    const before = control.epoch;
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect({ isReady: control.isReady, epoch: control.epoch }).toEqual({ isReady: true, epoch: before });
    expect(control.client.options).toMatchObject({ connectionName: 'nestjs-redis-stream:control' });
  });

  it('closes with the group', async () => {
    const group = groupOf();
    const clients = [group.add('writer'), group.add('control')].map(({ client }) => client);
    await group.ready(5_000);
    await group.close();
    expect(clients.map(({ status }) => status)).toEqual(['end', 'end']);
  });
});

describe('closing a group', () => {
  it('does not wait for a connection that is between two attempts', async () => {
    const port = await freePort();
    const group = groupOf({ writer: port });
    const { client } = group.add('writer');
    group.open();
    await eventually(() => expect(client.status).toBe('reconnecting'));
    await within(200, 'the end', group.close());
  });
});

describe('a timer that ioredis 5 leaves behind when a socket is lost', () => {
  it('neither closes the next socket nor keeps the process alive', async () => {
    let fired = 0;
    const group = groupOf();
    const { client } = group.add('writer');
    // What ioredis 5 does; ioredis 6 clears the timer before it emits `close`.
    const leave = (): void => {
      Reflect.set(
        client,
        'socketTimeoutTimer',
        setTimeout(() => (fired += 1), 150),
      );
    };
    client.prependListener('close', leave);
    await group.ready(5_000);
    for (const end of [async () => (client as Redis).disconnect(true), () => group.close()]) {
      await end();
      await eventually(() => expect(client.status).not.toBe('ready'));
      await eventually(() => expect(['ready', 'end']).toContain(client.status));
      await pause(200);
    }
    expect(fired).toBe(0);
  });
});
