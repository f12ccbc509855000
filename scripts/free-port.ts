import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

// Below the ports that Linux uses for outgoing connections (ip_local_port_range, 32768 and up by default): one of those
// may be taken between the check and the use.
const LOWEST = 10_240;
const HIGHEST = 32_767;
const COUNT = HIGHEST - LOWEST + 1;
/** Processes start at distant ports, so that two of them do not check the same port at the same time. */
const APART = 101;

// Random, so that the next user of this process starts elsewhere too: a client of the previous one may still connect.
let next = (process.pid * APART + randomInt(APART)) % COUNT;

/** A loopback port without a listener; each call in a process returns another one. */
export const freePort = async (): Promise<number> => {
  for (let tried = 0; tried < COUNT; tried++) {
    const port = LOWEST + next;
    next = (next + 1) % COUNT;
    if (await isFree(port)) return port;
  }
  throw new Error(`There is no free loopback port from ${LOWEST} to ${HIGHEST}`);
};

export const isFree = async (port: number): Promise<boolean> => {
  const probe = createServer();
  try {
    probe.listen(port, '127.0.0.1');
    await once(probe, 'listening');
  } catch {
    return false;
  }
  probe.close();
  await once(probe, 'close');
  return true;
};
