import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { AppName } from './apps.js';
import type { CompiledApps } from './compiled-apps.js';

export interface AppOptions {
  readonly app: AppName;
  readonly compiled: CompiledApps;
  readonly env: Readonly<Record<string, string>>;
  /** Options of Node itself, such as `--max-old-space-size=256`. */
  readonly nodeArgs?: readonly string[];
  /** Receives every line that the app writes. */
  readonly say?: (line: string) => void;
  /** Receives every message of the app except `ready`. */
  readonly hear?: (message: unknown) => void;
}

const READY_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 15_000;
const KEPT_LINES = 30;

/** One `exit` listener for all of them: with one each, Node would warn of a leak. */
const running = new Set<AppProcess>();
process.once('exit', () => running.forEach((each) => each.kill('SIGKILL')));

/** One of the sample apps as a process of its own. */
export class AppProcess {
  /** Resolves when the app serves or its task is done; rejects when it ends before that. */
  readonly ready: Promise<void>;
  /** Resolves when the process has ended, with the reason. */
  readonly ended: Promise<string>;
  private readonly child: ChildProcess;
  private readonly lastLines: string[] = [];

  constructor({ app, compiled, env, nodeArgs = [], say, hear }: AppOptions) {
    this.child = spawn(
      process.execPath,
      ['--enable-source-maps', ...nodeArgs, compiled.main(app)],
      // The IPC channel reports when the app is ready, and its end tells the app that the parent has ended. A process
      // group of its own: Ctrl-C must reach only the launcher, which stops the services in order.
      { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe', 'ipc'], detached: true },
    );
    for (const output of [this.child.stdout, this.child.stderr]) this.listen(output, say);
    running.add(this);
    this.ended = new Promise((resolve) => {
      this.child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
      this.child.once('error', (error) => resolve(error.message));
    });
    void this.ended.then(() => running.delete(this));
    if (hear) this.child.on('message', (message) => message !== 'ready' && hear(message));
    this.ready = this.untilReady(app);
    this.ready.catch(() => undefined);
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error('The process could not be started');
    return this.child.pid;
  }

  kill(signal: NodeJS.Signals): void {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
  }

  /** Resolves when the process has ended; kills it if it does not stop in time. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.kill(signal);
    await Promise.race([this.ended, delay(STOP_WITHIN_MS, undefined, { ref: false })]);
    this.kill('SIGKILL');
    await this.ended;
  }

  private async untilReady(app: AppName): Promise<void> {
    const problem = await new Promise<string | undefined>((resolve) => {
      const late = setTimeout(() => settle(`is not ready: no message for ${READY_WITHIN_MS} ms`), READY_WITHIN_MS);
      const listen = (message: unknown): void => {
        if (message === 'ready') return settle();
        late.refresh();
      };
      const settle = (found?: string): void => {
        clearTimeout(late);
        this.child.off('message', listen);
        resolve(found);
      };
      this.child.on('message', listen);
      void this.gone().then((reason) => settle(`ended with ${reason}`));
    });
    if (problem !== undefined) throw new Error(`${app} ${problem}\n${this.lastLines.join('\n')}`);
  }

  /** Resolves when the process has ended and its last message has been read. */
  private async gone(): Promise<string> {
    const reason = await this.ended;
    if (this.child.connected) await once(this.child, 'disconnect');
    return reason;
  }

  private listen(output: Readable | null, say: ((line: string) => void) | undefined): void {
    if (!output) return;
    createInterface({ input: output }).on('line', (line) => {
      this.lastLines.push(line);
      if (this.lastLines.length > KEPT_LINES) this.lastLines.shift();
      say?.(line);
    });
  }
}
