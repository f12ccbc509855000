import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { eventually } from '../../support/eventually.js';
import { WorkerProcess } from '../../support/worker-process.js';
import type { WorkerOrder } from '../../support/worker-process.js';
import type { Route } from './connecting.js';
import type { Injection } from './injection-plan.js';
import { monotonicNow, readNotes } from './notes.js';
import type { Notes } from './notes.js';

const FIXTURE = fileURLToPath(new URL('worker.ts', import.meta.url));
const READY_WITHIN_MS = 30_000;
const RESTART_AFTER_MS = 200;

export type WorkerInjection = Extract<Injection, { worker: number }>;

/** Start parameters of a worker of the chaos run. */
export interface ChaosWorkerOrder extends WorkerOrder {
  readonly route: Route;
  /** Whether a second group reads the requests. */
  readonly audit: boolean;
}

interface StartedWorker {
  readonly worker: WorkerProcess;
  readonly ledger: string;
}

/** Starts, hits and replaces the worker processes. Each has a place and a file for its notes. */
export class WorkerPool {
  /** When processes ended, by pid: milliseconds since the epoch, Infinity while a process is being ended. */
  readonly deaths = new Map<number, number>();
  private readonly started: StartedWorker[] = [];
  private readonly places: (StartedWorker | undefined)[] = [];
  private readonly boots = new Set<Promise<void>>();

  constructor(
    private readonly dir: string,
    private readonly orderFor: (place: number) => Omit<ChaosWorkerOrder, 'ledger'>,
  ) {}

  /** Pids of the latest worker in each place. */
  get pids(): number[] {
    return this.places.flatMap((current) => (current ? [current.worker.pid] : []));
  }

  /** Pids of workers that were ready and then exited on their own. */
  get crashed(): number[] {
    const gone = this.started.filter((current) => current.worker.exited && isReady(current) && !this.wasEnded(current));
    return gone.map(({ worker }) => worker.pid);
  }

  /** The output of all workers. */
  get printed(): string {
    return this.started.map(({ worker }) => worker.printed).join('\n');
  }

  pidAt(place: number): number | undefined {
    return this.places[place]?.worker.pid;
  }

  /** Restarts a worker that exits before it is ready, as an orchestrator does: Redis may refuse it for a while. */
  async boot(place: number): Promise<void> {
    const current = await this.launch(place);
    await eventually(
      () => {
        if (!current.worker.exited && !isReady(current))
          throw new Error(`a worker is not ready:\n${current.worker.printed}`);
      },
      { within: READY_WITHIN_MS, every: 50 },
    );
    if (isReady(current) || this.wasEnded(current)) return;
    await pause(RESTART_AFTER_MS);
    // A newer worker may have taken the place in the meantime.
    if (this.places[place] === current) await this.boot(place);
  }

  async inject(injection: WorkerInjection): Promise<void> {
    const current = this.places[injection.worker];
    switch (injection.kind) {
      case 'kill':
        await this.end(current, 'SIGKILL');
        return this.bootLater(injection.worker);
      case 'replace':
        // A rolling deploy: the new worker is ready before the old one stops.
        await this.boot(injection.worker);
        return this.end(current, 'SIGTERM');
      case 'freeze':
        current?.worker.signal('SIGSTOP');
        await pause(injection.ms);
        current?.worker.signal('SIGCONT');
        return;
      case 'step-clock':
        if (!current || !isReady(current)) return;
        await writeFile(`${current.ledger}.clock`, String(injection.aheadMs));
        current.worker.signal('SIGUSR2');
    }
  }

  /** Waits for workers that are still starting. */
  async complete(): Promise<void> {
    await Promise.all(this.boots);
  }

  async stop(): Promise<void> {
    await Promise.all(this.places.map((current) => this.end(current, 'SIGTERM')));
  }

  async kill(): Promise<void> {
    for (const { worker } of this.started) {
      worker.signal('SIGCONT');
      await worker.end('SIGKILL');
    }
  }

  notes(): Notes {
    return readNotes(this.started.map(({ ledger }) => ledger));
  }

  private async end(current: StartedWorker | undefined, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (!current || current.worker.exited) return;
    const { pid } = current.worker;
    // Set before the process exits, too, so that `boot()` does not start it again.
    this.deaths.set(pid, Infinity);
    await current.worker.end(signal);
    this.deaths.set(pid, monotonicNow());
  }

  private async launch(place: number): Promise<StartedWorker> {
    const ledger = join(this.dir, `${this.started.length}.ndjson`);
    // The worker may be killed before it creates the file itself.
    const created = writeFile(ledger, '');
    const worker = WorkerProcess.launch({ ...this.orderFor(place), ledger }, FIXTURE);
    const current = { worker, ledger };
    this.started.push(current);
    this.places[place] = current;
    await created;
    return current;
  }

  private wasEnded({ worker }: StartedWorker): boolean {
    return this.deaths.has(worker.pid);
  }

  private bootLater(place: number): void {
    const boot = this.boot(place).finally(() => this.boots.delete(boot));
    this.boots.add(boot);
  }
}

const isReady = ({ worker }: StartedWorker): boolean => worker.reports.some(({ fact }) => fact === 'ready');
