import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { RedisOptions } from 'ioredis';
import { freePort } from '../../scripts/free-port.js';
import { locateRedis } from '../../scripts/redis-server.js';

export interface RedisProcessOptions {
  /** Keeps data across restarts. */
  readonly appendonly?: boolean;
  /** Allows DEBUG (server 7 and newer). */
  readonly debugCommand?: boolean;
  /** Further command line arguments, e.g. `['--maxmemory', '10mb']`. */
  readonly args?: readonly string[];
}

const READY_WITHIN_MS = 10_000;
const HOST = '127.0.0.1';

/** A real redis-server with its own loopback port and data directory; both stay the same across restarts. */
export class RedisProcess {
  readonly host = HOST;
  private child: ChildProcess | undefined;
  private readonly clients = new Set<Redis>();

  private constructor(
    readonly port: number,
    readonly dir: string,
    private readonly options: RedisProcessOptions,
  ) {}

  static async start(options: RedisProcessOptions = {}): Promise<RedisProcess> {
    const dir = await mkdtemp(join(tmpdir(), 'redis-test-'));
    const server = new RedisProcess(await freePort(), dir, options);
    await server.boot();
    return server;
  }

  get pid(): number {
    const pid = this.child?.pid;
    if (pid === undefined) throw new Error('the server is not running');
    return pid;
  }

  get isRunning(): boolean {
    return this.child !== undefined;
  }

  /** Returns a client for the test itself; `stop()` closes it. */
  client(options: RedisOptions = {}): Redis {
    const client = new Redis({ host: this.host, port: this.port, connectionName: 'test-observer', ...options });
    // Tests kill the server on purpose: socket errors of this client are expected.
    client.on('error', () => undefined);
    this.clients.add(client);
    return client;
  }

  signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  /** Freezes the server: connections stay open, but nothing answers. */
  pause(): void {
    this.signal('SIGSTOP');
  }

  resume(): void {
    this.signal('SIGCONT');
  }

  /** Kills the server at once, like a crash; `restart()` starts it again with the same port and data directory. */
  async kill(): Promise<void> {
    const child = this.child;
    if (!child) return;
    this.child = undefined;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    else return;
    await gone;
  }

  async restart(): Promise<void> {
    await this.kill();
    await this.boot();
  }

  async stop(): Promise<void> {
    for (const client of this.clients) client.disconnect();
    this.clients.clear();
    await this.kill();
    await rm(this.dir, { recursive: true, force: true });
  }

  private async boot(): Promise<void> {
    const binary = await locateRedis({ allowToy: false });
    const child = spawn(binary.command, [...binary.args, ...this.commandLine()], {
      env: { ...process.env, ...binary.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    await new Promise<void>((resolve, reject) => {
      let output = '';
      const giveUp = setTimeout(() => {
        child.kill('SIGKILL');
        reject(new Error(`redis-server is not ready:\n${output}`));
      }, READY_WITHIN_MS);
      const settle = (then: () => void): void => {
        clearTimeout(giveUp);
        then();
      };
      const watch = (chunk: Buffer): void => {
        output = (output + chunk.toString('utf8')).slice(-8_192);
        if (output.includes('Ready to accept connections')) settle(resolve);
      };
      child.stdout.on('data', watch);
      child.stderr.on('data', watch);
      child.once('error', (error) => settle(() => reject(error)));
      child.once('exit', (code) => settle(() => reject(new Error(`redis-server ended with ${code}:\n${output}`))));
    });
  }

  private commandLine(): string[] {
    const { appendonly = false, debugCommand = false, args = [] } = this.options;
    const settings = ['--port', String(this.port), '--bind', HOST, '--dir', this.dir, '--save', ''];
    settings.push('--appendonly', appendonly ? 'yes' : 'no');
    if (debugCommand) settings.push('--enable-debug-command', 'local');
    return [...settings, ...args];
  }
}
