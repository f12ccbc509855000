import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { resolve as absolute } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from './free-port.js';
import { unpackDebianPackage } from './redis/debian-package.js';
import { findOnPath, provenBinary } from './redis/redis-binary.js';
import type { RedisBinary } from './redis/redis-binary.js';

export type { RedisBinary } from './redis/redis-binary.js';

const READY_WITHIN_MS = 30_000;
const TOY_READY_WITHIN_MS = 120_000; // npx may have to download it first
const STOP_WITHIN_MS = 10_000;
const PORT_TRIES = 5;
const KEPT_CHARACTERS = 2_000;
/** What a server says once it accepts commands: Redis and Valkey, and the toy. */
const READY = /Ready to accept connections|server listening at/;
const TOY = 'js-redis-server@0.3.0';
const ADVICE =
  'Install one (Debian, Ubuntu: apt-get install redis-server; macOS: brew install redis) or point REDIS_SERVER_BIN at a redis-server or valkey-server.';

export interface LocateOptions {
  /** False refuses the in-memory stand-in with an error: it has no persistence and only part of the stream commands. */
  readonly allowToy?: boolean;
  /** Receives notices of long steps and warnings. Default: writes them to stderr. */
  readonly say?: (line: string) => void;
}

export interface StartOptions extends LocateOptions {
  /** Default: a free port. */
  readonly port?: number;
  /** Directory for the server's data; created if missing. */
  readonly dir: string;
  /** Default: true. Acknowledged writes then survive a kill of the server process. */
  readonly appendonly?: boolean;
  /** More redis-server arguments; they override the ones set here. */
  readonly extraArgs?: readonly string[];
  /** Default: what `locateRedis` finds. */
  readonly binary?: RedisBinary;
  /**
   * Whether the server gets a process group of its own. Default: true, so that Ctrl-C in a terminal does not end Redis
   * before the processes that still write to it. In a test it is better to end with the group.
   */
  readonly ownGroup?: boolean;
}

export interface RunningRedis {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Resolves when the process has ended, for whatever reason. */
  readonly ended: Promise<void>;
  /** Default signal: SIGTERM. Resolves when the process has ended; kills it if it does not stop in time. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

let located: Promise<RedisBinary | undefined> | undefined;

/** Finds a Redis: REDIS_SERVER_BIN, PATH, the distribution's package unpacked without root, or last a toy from npx. */
export const locateRedis = async ({ allowToy = true, say = warn }: LocateOptions = {}): Promise<RedisBinary> => {
  const named = process.env['REDIS_SERVER_BIN'];
  if (named !== undefined && named !== '') {
    const binary = await provenBinary(named, 'REDIS_SERVER_BIN');
    if (binary) return binary;
    throw new Error(`REDIS_SERVER_BIN points at ${named}, which cannot be run. ${ADVICE}`);
  }
  const real = await (located ??= findReal(say));
  if (real) return real;
  if (!allowToy) throw new Error(`No redis-server or valkey-server was found, and tests need a real one. ${ADVICE}`);
  say(
    `WARNING: no real Redis found. Using ${TOY}, a toy: it keeps nothing on disk, is slow, and lacks commands. ${ADVICE}`,
  );
  return { command: 'npx', args: ['-y', TOY], env: {}, persistent: false, describe: `${TOY} (a toy, in memory only)` };
};

/** Starts a Redis of its own on loopback and resolves once it answers. */
export const startRedis = async (options: StartOptions): Promise<RunningRedis> => {
  const binary = options.binary ?? (await locateRedis(options));
  const dir = absolute(options.dir);
  mkdirSync(dir, { recursive: true });
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort());
    try {
      return await launch(binary, port, { ...options, dir });
    } catch (error) {
      // Another process may take the port between the check and its use.
      if (options.port !== undefined || attempt >= PORT_TRIES || !isPortTaken(error)) throw error;
    }
  }
};

const findReal = async (say: (line: string) => void): Promise<RedisBinary | undefined> => {
  for (const name of ['redis-server', 'valkey-server']) {
    const path = findOnPath(name);
    const binary = path === undefined ? undefined : await provenBinary(path, path);
    if (binary) return binary;
  }
  return unpackDebianPackage(say);
};

const launch = async (binary: RedisBinary, port: number, options: StartOptions): Promise<RunningRedis> => {
  const ownsGroup = options.ownGroup !== false || !binary.persistent;
  const child = spawn(binary.command, [...binary.args, ...serverArguments(binary, port, options)], {
    cwd: options.dir,
    env: { ...process.env, ...binary.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // The toy always has one: npx is a chain of processes, which only a signal to the group reaches as a whole.
    detached: ownsGroup,
  });
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const signalServer = (signal: NodeJS.Signals): void => signalTo(child, signal, ownsGroup);
  const killNow = (): void => signalServer('SIGKILL');
  process.once('exit', killNow);
  void ended.then(() => process.off('exit', killNow));
  await untilReady(child, binary).catch((error: unknown) => {
    killNow();
    throw new Error(`${binary.describe} did not start on port ${port}: ${messageOf(error)}`, { cause: error });
  });
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    pid: child.pid ?? 0,
    ended,
    stop: async (signal = 'SIGTERM') => {
      signalServer(signal);
      await Promise.race([ended, delay(STOP_WITHIN_MS, undefined, { ref: false })]);
      killNow();
      await ended;
    },
  };
};

const serverArguments = (binary: RedisBinary, port: number, options: StartOptions): readonly string[] => {
  if (!binary.persistent) return ['--port', String(port)];
  const appendonly = options.appendonly === false ? 'no' : 'yes';
  return [
    `--port ${port} --bind 127.0.0.1 --daemonize no`.split(' '),
    ['--dir', options.dir, '--logfile', '', '--save', '', '--appendonly', appendonly],
    options.extraArgs ?? [],
  ].flat();
};

/** Resolves once the server says that it accepts connections; rejects with its last words if it does not. */
const untilReady = (child: ChildProcess, { persistent }: RedisBinary): Promise<void> =>
  new Promise((resolve, reject) => {
    let said = '';
    const late = setTimeout(() => fail('it is not ready in time'), persistent ? READY_WITHIN_MS : TOY_READY_WITHIN_MS);
    const fail = (reason: string): void => {
      clearTimeout(late);
      reject(new Error(`${reason}\n${said.trim()}`));
    };
    const listen = (chunk: Buffer): void => {
      said = (said + chunk.toString()).slice(-KEPT_CHARACTERS);
      if (!READY.test(said)) return;
      clearTimeout(late);
      resolve();
    };
    child.stdout?.on('data', listen);
    child.stderr?.on('data', listen);
    child.once('error', (error) => fail(error.message));
    // `close` and not `exit`: by then its last words have been read.
    child.once('close', () => fail('it ended at once'));
  });

const signalTo = (child: ChildProcess, signal: NodeJS.Signals, isGroup: boolean): void => {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(isGroup ? -child.pid : child.pid, signal);
  } catch {
    // it has just ended
  }
};

const isPortTaken = (error: unknown): boolean => /address already in use/i.test(messageOf(error));
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
const warn = (line: string): void => console.warn(line);
