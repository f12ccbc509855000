import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { RedisConnection, RedisStreamServer } from 'nestjs-redis-stream-transport';
import { eventually } from './eventually.js';

/** Start parameters of a worker process; they are passed as JSON. */
export interface WorkerOrder {
  readonly connection: RedisConnection;
  readonly option?: Partial<ConstructorParameters<typeof RedisStreamServer>[0]['option']>;
  /** File in which handlers record their runs, for tests where the record has to outlive the worker. */
  readonly ledger?: string;
}

/** The payload of the patterns `work` (event) and `work.request`, and what the handler does with it. */
export interface WorkerTask {
  readonly name: string;
  readonly holdMs?: number;
  readonly spinMs?: number;
  readonly exit?: boolean;
  readonly fail?: boolean;
}

export type WorkerReport =
  | { readonly fact: 'ready' }
  | {
      readonly fact: 'started' | 'done' | 'aborted';
      readonly task: string;
      readonly id: string;
      readonly attempt: number;
    };

const FIXTURE = fileURLToPath(new URL('fixtures/worker.ts', import.meta.url));
const BOOT_WITHIN_MS = 20_000;

/** A real Nest worker in its own process, which tests can kill. */
export class WorkerProcess {
  readonly reports: WorkerReport[] = [];
  private output = '';

  private constructor(private readonly child: ChildProcess) {
    child.on('message', (line) => this.reports.push(line as WorkerReport));
    const keep = (chunk: Buffer): void => {
      this.output = (this.output + chunk.toString('utf8')).slice(-16_384);
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
  }

  static async start(order: WorkerOrder, fixture = FIXTURE): Promise<WorkerProcess> {
    const worker = WorkerProcess.launch(order, fixture);
    await eventually(() => worker.assertReady(), { within: BOOT_WITHIN_MS });
    return worker;
  }

  /** Like `start`, for a worker that may exit before it is ready. */
  static launch(order: WorkerOrder, fixture = FIXTURE): WorkerProcess {
    const child = spawn(process.execPath, ['--import', '@swc-node/register/esm-register', fixture], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, NODE_OPTIONS: '', WORKER_ORDER: JSON.stringify(order) },
    });
    return new WorkerProcess(child);
  }

  get pid(): number {
    const { pid } = this.child;
    if (pid === undefined) throw new Error('the worker did not start');
    return pid;
  }

  get exited(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** The last 16,384 characters that the worker printed. */
  get printed(): string {
    return this.output;
  }

  /** The reports of one kind about the handler runs of one task. */
  runs(fact: 'started' | 'done' | 'aborted', task: string): { id: string; attempt: number }[] {
    return this.reports
      .filter((line) => line.fact !== 'ready')
      .filter((line) => line.fact === fact && line.task === task);
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.exited) process.kill(this.pid, signal);
  }

  /** Sends a signal that ends the process, and waits for it. Returns the exit code, or null if the signal ended it. */
  async end(signal: NodeJS.Signals = 'SIGKILL'): Promise<number | null> {
    if (!this.exited) {
      const gone = new Promise<void>((resolve) => this.child.once('exit', () => resolve()));
      this.child.kill(signal);
      await gone;
    }
    return this.child.exitCode;
  }

  private assertReady(): void {
    if (this.exited) throw new Error(`the worker ended with ${this.child.exitCode}:\n${this.output}`);
    if (!this.reports.some(({ fact }) => fact === 'ready')) throw new Error(`the worker is not ready:\n${this.output}`);
  }
}
