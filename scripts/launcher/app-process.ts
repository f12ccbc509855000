import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { CompiledApps } from './compiled-apps.js';

export type AppName = 'requestor' | 'responder' | 'sms-provider' | 'mail-sink';

export interface AppOptions {
  readonly app: AppName;
  readonly compiled: CompiledApps;
  readonly env: Readonly<Record<string, string>>;
  /** Told every line that the app writes. */
  readonly say?: (line: string) => void;
}

const READY_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 15_000;
const KEPT_LINES = 30;

/** One of the sample apps as a process of its own. */
export class AppProcess {
  /** Resolves when the app serves; rejects when it ends before that. */
  readonly ready: Promise<void>;
  /** Resolves when the process is gone, with what ended it. */
  readonly ended: Promise<string>;
  private readonly child: ChildProcess;
  private readonly lastLines: string[] = [];

  constructor({ app, compiled, env, say }: AppOptions) {
    this.child = spawn(
      process.execPath,
      ['--enable-source-maps', compiled.main(app)],
      // The channel tells when the app is ready, and tells the app when its parent is gone. A process group of its own:
      // Ctrl-C must reach the launcher alone, which stops things in an order.
      { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe', 'ipc'], detached: true },
    );
    for (const output of [this.child.stdout, this.child.stderr]) this.listen(output, say);
    const killNow = (): void => this.kill('SIGKILL');
    process.once('exit', killNow);
    this.ended = new Promise((resolve) => {
      this.child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
      this.child.once('error', (error) => resolve(error.message));
    });
    void this.ended.then(() => process.off('exit', killNow));
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

  /** Resolves when the process is gone; kills it if it will not go. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.kill(signal);
    await Promise.race([this.ended, delay(STOP_WITHIN_MS, undefined, { ref: false })]);
    this.kill('SIGKILL');
    await this.ended;
  }

  private async untilReady(app: AppName): Promise<void> {
    const late = new AbortController();
    const ready = new Promise<void>((resolve) => this.child.once('message', () => resolve()));
    const problem = await Promise.race([
      ready,
      this.ended.then((reason) => `ended with ${reason}`),
      delay(READY_WITHIN_MS, `is not ready after ${READY_WITHIN_MS} ms`, { signal: late.signal }).catch(
        () => undefined,
      ),
    ]);
    late.abort();
    if (problem !== undefined) throw new Error(`${app} ${problem}\n${this.lastLines.join('\n')}`);
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
