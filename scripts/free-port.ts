import { randomInt } from 'node:crypto';
import getPort, { portNumbers } from 'get-port';

const HOST = '127.0.0.1';
// Below the ports that Linux uses for outgoing connections (ip_local_port_range, 32768 and up by default): one of those
// may be taken between the check and the use.
const LOWEST = 10_240;
const HIGHEST = 32_767;
const TRIES = 100;

/** A loopback port without a listener; the calls of a process return different ones. */
export const freePort = (): Promise<number> => {
  // From a random one on: otherwise two processes check the same port at the same time.
  const start = randomInt(LOWEST, HIGHEST - TRIES);
  return getPort({ host: HOST, port: portNumbers(start, HIGHEST) });
};

/** The usual loopback port of a service, or else the next free one that is not another service's usual port. */
export const freePortFrom = (usual: number, others: ReadonlySet<number>): Promise<number> => {
  const next = Array.from({ length: TRIES }, (_, index) => usual + 1 + index).filter((port) => !others.has(port));
  return getPort({ host: HOST, port: [usual, ...next] });
};
