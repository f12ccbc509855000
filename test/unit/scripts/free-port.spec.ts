import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { freePort, freePortFrom } from '../../../scripts/free-port.js';

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
});

describe('freePortFrom', () => {
  it('returns the usual port if that is free', async () => {
    const usual = (await freePort()) - 1;
    expect(await freePortFrom(usual, new Set([usual]))).toBe(usual);
  });

  it('returns a port after one that is in use, and none that others usually have', async () => {
    const usual = await freePort();
    await listenOn(usual);
    const found = await freePortFrom(usual, new Set([usual + 1, usual + 2]));
    expect(found).toBeGreaterThan(usual + 2);
    await listenOn(found);
  });
});
