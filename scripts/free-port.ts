import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

// Below the ports that Linux takes for outgoing connections (ip_local_port_range, 32768 and up unless configured
// otherwise): one of those may be gone again between the look and the use.
const LOWEST = 10_240;
const HIGHEST = 32_767;
const COUNT = HIGHEST - LOWEST + 1;
/** Processes begin apart from each other, so that two do not look at the same port at the same time. */
const APART = 101;

// The next user of this process begins elsewhere too: a client of the one before may still be calling.
let next = (process.pid * APART + randomInt(APART)) % COUNT;

/** A loopback port that nobody listens on; each call of a process gets another one. */
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
