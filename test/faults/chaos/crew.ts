import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { eventually } from '../../support/eventually.js';
import { WorkerProcess } from '../../support/worker-process.js';
import type { WorkerOrder } from '../../support/worker-process.js';
import type { Route } from './connecting.js';
import type { Deed } from './nemesis.js';
import { monotonicNow, readNotes } from './notes.js';
import type { Notes } from './notes.js';

const FIXTURE = fileURLToPath(new URL('worker.ts', import.meta.url));
const READY_WITHIN_MS = 30_000;
const RESTART_AFTER_MS = 200;

export type WorkerDeed = Extract<Deed, { worker: number }>;

/** Start parameters of a worker of the chaos run. */
export interface ChaosWorkerOrder extends WorkerOrder {
  readonly route: Route;
  /** Whether a second group reads the requests. */
  readonly audit: boolean;
}

interface Life {
  readonly worker: WorkerProcess;
  readonly ledger: string;
}

/** Starts, hits and replaces the worker processes. Each has a place and a file for its notes. */
export class Crew {
  /** When processes ended, by pid: milliseconds since the epoch, Infinity while a process is being ended. */
  readonly deaths = new Map<number, number>();
  private readonly lives: Life[] = [];
  private readonly crew: (Life | undefined)[] = [];
  private readonly boots = new Set<Promise<void>>();

  constructor(
    private readonly dir: string,
    private readonly orderFor: (place: number) => Omit<ChaosWorkerOrder, 'ledger'>,
  ) {}

  /** Pids of the latest worker in each place. */
  get pids(): number[] {
    return this.crew.flatMap((life) => (life ? [life.worker.pid] : []));
  }

  /** Pids of workers that were ready and then exited on their own. */
  get crashed(): number[] {
    const gone = this.lives.filter((life) => life.worker.exited && isReady(life) && !this.isStruck(life));
    return gone.map(({ worker }) => worker.pid);
  }

  /** The output of all workers. */
  get printed(): string {
    return this.lives.map(({ worker }) => worker.printed).join('\n');
  }

  pidAt(place: number): number | undefined {
    return this.crew[place]?.worker.pid;
  }

  /** Restarts a worker that exits before it is ready, as an orchestrator does: Redis may refuse it for a while. */
  async boot(place: number): Promise<void> {
    const life = await this.launch(place);
    await eventually(
      () => {
        if (!life.worker.exited && !isReady(life)) throw new Error(`a worker is not ready:\n${life.worker.printed}`);
      },
      { within: READY_WITHIN_MS, every: 50 },
    );
    if (isReady(life) || this.isStruck(life)) return;
    await pause(RESTART_AFTER_MS);
    // A newer worker may have taken the place in the meantime.
    if (this.crew[place] === life) await this.boot(place);
  }

  async strike(deed: WorkerDeed): Promise<void> {
    const life = this.crew[deed.worker];
    switch (deed.kind) {
      case 'kill':
        await this.end(life, 'SIGKILL');
        return this.bootLater(deed.worker);
      case 'replace':
        // A rolling deploy: the new worker is ready before the old one stops.
        await this.boot(deed.worker);
        return this.end(life, 'SIGTERM');
      case 'freeze':
        life?.worker.signal('SIGSTOP');
        await pause(deed.ms);
        life?.worker.signal('SIGCONT');
        return;
      case 'step-clock':
        if (!life || !isReady(life)) return;
        await writeFile(`${life.ledger}.clock`, String(deed.aheadMs));
        life.worker.signal('SIGUSR2');
    }
  }

  /** Waits for workers that are still starting. */
  async complete(): Promise<void> {
    await Promise.all(this.boots);
  }

  async stop(): Promise<void> {
    await Promise.all(this.crew.map((life) => this.end(life, 'SIGTERM')));
  }

  async kill(): Promise<void> {
    for (const { worker } of this.lives) {
      worker.signal('SIGCONT');
      await worker.end('SIGKILL');
    }
  }

  notes(): Notes {
    return readNotes(this.lives.map(({ ledger }) => ledger));
  }

  private async end(life: Life | undefined, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (!life || life.worker.exited) return;
    const { pid } = life.worker;
    // Set before the process exits, too, so that `boot()` does not start it again.
    this.deaths.set(pid, Infinity);
    await life.worker.end(signal);
    this.deaths.set(pid, monotonicNow());
  }

  private async launch(place: number): Promise<Life> {
    const ledger = join(this.dir, `${this.lives.length}.ndjson`);
    // The worker may be killed before it creates the file itself.
    const created = writeFile(ledger, '');
    const worker = WorkerProcess.launch({ ...this.orderFor(place), ledger }, FIXTURE);
    const life = { worker, ledger };
    this.lives.push(life);
    this.crew[place] = life;
    await created;
    return life;
  }

  private isStruck({ worker }: Life): boolean {
    return this.deaths.has(worker.pid);
  }

  private bootLater(place: number): void {
    const boot = this.boot(place).finally(() => this.boots.delete(boot));
    this.boots.add(boot);
  }
}

const isReady = ({ worker }: Life): boolean => worker.reports.some(({ fact }) => fact === 'ready');
