import { readFileSync } from 'node:fs';
import { execa } from 'execa';
import { connect } from '@nats-io/transport-node';
import { freePort } from '../../scripts/free-port.js';
import { findOnPath } from '../../scripts/redis/redis-binary.js';

const RETRY_MS = 20;
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
  const port = await freePort();
  const child = execa(binary, ['--addr', '127.0.0.1', '--port', String(port)], { stdio: 'ignore', reject: false });
  const connection = await connect({
    servers: `127.0.0.1:${port}`,
    waitOnFirstConnect: true,
    reconnectTimeWait: RETRY_MS,
    maxReconnectAttempts: READY_WITHIN_MS / RETRY_MS,
  });
  const version = connection.info?.version ?? 'of unknown version';
  await connection.close();
  return {
    port,
    version,
    cpuUs: () => cpuUsOf(child.pid),
    stop: async () => {
      child.kill('SIGKILL');
      await child;
    },
  };
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
