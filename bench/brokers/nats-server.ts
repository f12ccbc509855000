import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../../scripts/free-port.js';
import { findOnPath } from '../../scripts/redis/redis-binary.js';

const READY_WITHIN_MS = 10_000;
/** Unit of CPU time in Linux, the same on every platform that Node supports. */
const TICKS_PER_SECOND = 100;

export interface NatsServer {
  readonly port: number;
  readonly version: string;
  /** NaN if the system does not report it. */
  cpuUs(): number;
  stop(): Promise<void>;
}

/** Starts a separate nats-server on loopback; undefined if none is installed. */
export async function startNatsServer(): Promise<NatsServer | undefined> {
  const binary = process.env['NATS_SERVER_BIN'] || findOnPath('nats-server');
  if (binary === undefined) return undefined;
  const version = execFileSync(binary, ['--version'], { encoding: 'utf8' }).trim().replace(/^.*v/, '');
  const port = await freePort();
  const child = spawn(binary, ['--addr', '127.0.0.1', '--port', String(port)], { stdio: 'ignore', detached: true });
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const end = performance.now() + READY_WITHIN_MS;
  while (!(await accepts(port))) {
    if (child.exitCode !== null || performance.now() > end) throw new Error(`${binary} did not start`);
    await delay(20);
  }
  return {
    port,
    version,
    cpuUs: () => cpuUsOf(child.pid),
    stop: async () => {
      process.off('exit', kill);
      if (child.exitCode !== null) return;
      const ended = once(child, 'exit');
      kill();
      await ended;
    },
  };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const settle = (isOpen: boolean): void => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.once('connect', () => settle(true)).once('error', () => settle(false));
  });
}

function cpuUsOf(pid: number | undefined): number {
  try {
    // The name in parentheses may contain anything; user and system time are the 12th and 13th words after it.
    const words = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    return ((Number(words[11]) + Number(words[12])) / TICKS_PER_SECOND) * 1_000_000;
  } catch {
    return NaN;
  }
}
