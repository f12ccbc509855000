import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';

export interface NodeProcessOptions {
  readonly script: string;
  readonly cwd: string;
  /** Added to the environment of this process. */
  readonly env: Readonly<Record<string, string>>;
}

const WRITES_WITHIN_MS = 30_000;
const STOPS_WITHIN_MS = 10_000;
const POLL_MS = 20;

/** One `exit` listener for all of them: with one each, Node would warn of a leak. */
const running = new Set<NodeProcess>();
process.once('exit', () => running.forEach((each) => each.kill()));

/** A script of a consumer project that runs until it is stopped, with everything that it writes. */
export class NodeProcess {
  private readonly child: ChildProcess;
  private output = '';
  /** How the process ended; undefined while it runs. */
  private ending: string | undefined;

  constructor({ script, cwd, env }: NodeProcessOptions) {
    this.child = spawn(process.execPath, [script], {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    }
    running.add(this);
    this.child.once('error', (error) => this.end(error.message));
    // `close` and not `exit`: by then everything that it wrote has been read.
    this.child.once('close', (code, signal) => this.end(signal ?? `exit code ${code}`));
  }

  /** Warnings and errors that Nest's logger wrote. */
  get complaints(): string[] {
    return this.output.split('\n').filter((line) => /\b(WARN|ERROR|FATAL)\b/.test(line));
  }

  /** Resolves once the process has written this text. @throws {Error} with its output if it ends or is late */
  async wrote(text: string): Promise<void> {
    const until = performance.now() + WRITES_WITHIN_MS;
    while (!this.output.includes(text)) {
      if (this.ending !== undefined) throw new Error(`it ended with ${this.ending} and wrote: ${this.output}`);
      if (performance.now() > until) throw new Error(`not within ${WRITES_WITHIN_MS} ms; it wrote: ${this.output}`);
      await pause(POLL_MS);
    }
  }

  /** Sends SIGTERM. Returns how the process ended: `exit code 0`, or the name of the signal that killed it. */
  async stop(): Promise<string> {
    this.child.kill('SIGTERM');
    const until = performance.now() + STOPS_WITHIN_MS;
    while (this.ending === undefined) {
      if (performance.now() > until) return `still running after ${STOPS_WITHIN_MS} ms`;
      await pause(POLL_MS);
    }
    return this.ending;
  }

  kill(): void {
    if (this.ending === undefined) this.child.kill('SIGKILL');
  }

  private end(how: string): void {
    this.ending ??= how;
    running.delete(this);
  }
}
