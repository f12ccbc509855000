import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { freePort, isFree } from '../../../scripts/free-port.js';

const servers: Server[] = [];
const listenOn = async (port: number): Promise<void> => {
  const server = createServer().listen(port, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
};

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

describe('freePort', () => {
  it('returns a new port each time, and none from the range of outgoing connections', async () => {
    const ports = [];
    for (let n = 0; n < 20; n++) ports.push(await freePort());
    expect(new Set(ports).size).toBe(20);
    expect(Math.min(...ports)).toBeGreaterThanOrEqual(10_240);
    expect(Math.max(...ports)).toBeLessThan(32_768);
    for (const port of ports) await listenOn(port);
  });

  it('skips ports that are in use', async () => {
    const first = await freePort();
    for (let port = first + 1; port <= first + 5; port++) if (await isFree(port)) await listenOn(port);
    const second = await freePort();
    expect(second < first || second > first + 5).toBe(true);
    await listenOn(second);
  });
});

describe('isFree', () => {
  it('is false for a port that is in use', async () => {
    const port = await freePort();
    expect(await isFree(port)).toBe(true);
    await listenOn(port);
    expect(await isFree(port)).toBe(false);
  });
});
