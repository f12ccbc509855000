import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { ask } from '../support/calls.js';
import { eventually } from '../support/eventually.js';
import { useStage } from '../support/stage.js';

const stage = useStage();

@Controller()
class Echo {
  @MessagePattern('echo')
  echo(@Payload() data: unknown): unknown {
    return data;
  }
}

describe('the connection status of client and server', () => {
  it('is emitted as connected, reconnecting, connected and disconnected on server.status', async () => {
    const seen: string[] = [];
    const { app, server, close } = await stage.prepare([Echo]);
    server.status.subscribe((status) => seen.push(status));
    await app.listen();
    await eventually(() => expect(seen).toEqual(['connected']));
    await stage.killConnections();
    await eventually(() => expect(seen).toEqual(['connected', 'reconnecting', 'connected']));
    await close();
    await eventually(() => expect(seen).toEqual(['connected', 'reconnecting', 'connected', 'disconnected']));
  });

  it('is emitted as connected, reconnecting, connected and disconnected on client.status', async () => {
    const seen: string[] = [];
    const client = stage.client();
    client.status.subscribe((status) => seen.push(status));
    await client.connect();
    await eventually(() => expect(seen).toEqual(['connected']));
    await stage.killConnections();
    await eventually(() => expect(seen).toEqual(['connected', 'reconnecting', 'connected']));
    await client.close();
    await eventually(() => expect(seen).toEqual(['connected', 'reconnecting', 'connected', 'disconnected']));
  });

  it('comes with connection events that name the role, also for listeners added before the connection exists', async () => {
    const serverEvents: string[] = [];
    const clientEvents: string[] = [];
    const { app, server } = await stage.prepare([Echo]);
    server.on('ready', (role) => serverEvents.push(`ready ${role}`));
    server.on('close', (role) => serverEvents.push(`close ${role}`));
    const client = stage.client();
    client.on('ready', (role) => clientEvents.push(`ready ${role}`));
    await app.listen();
    await ask(client, 'echo', 1);
    expect(serverEvents).toEqual(expect.arrayContaining(['ready reader', 'ready writer']));
    expect(clientEvents).toEqual(expect.arrayContaining(['ready publisher', 'ready inbox']));
    await stage.killConnections();
    await eventually(() => expect(serverEvents).toEqual(expect.arrayContaining(['close reader', 'close writer'])));
    await eventually(() => expect(clientEvents.filter((event) => event === 'ready publisher')).toHaveLength(2));
  });

  it('survives a transient error event on a connection', async () => {
    const errors: unknown[] = [];
    const { server } = await stage.serve([Echo]);
    server.on('error', (_role, error) => errors.push(error));
    const client = stage.client();
    await ask(client, 'echo', 0);
    for (const connection of [server.unwrap<unknown>(), client.unwrap<unknown>()].flatMap(emitters)) {
      connection.emit('error', new Error('a passing trouble'));
    }
    await eventually(() => expect(errors.map(String)).toContain('Error: a passing trouble'));
    await expect(ask(client, 'echo', 1)).resolves.toBe(1);
  });
});

interface Emitter {
  emit(event: string, ...details: unknown[]): boolean;
}

/** The ioredis clients in any form that unwrap() returns: one, a list, a record or a map. */
function emitters(unwrapped: unknown): Emitter[] {
  if (isEmitter(unwrapped)) return [unwrapped];
  if (unwrapped instanceof Map) return [...unwrapped.values()].flatMap(emitters);
  if (typeof unwrapped === 'object' && unwrapped !== null) return Object.values(unwrapped).flatMap(emitters);
  return [];
}

function isEmitter(value: unknown): value is Emitter {
  return typeof value === 'object' && value !== null && 'emit' in value && typeof value.emit === 'function';
}
