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

/** What a worker of the chaos run is started with. */
export interface ChaosWorkerOrder extends WorkerOrder {
  readonly route: Route;
  /** Whether a second group looks on at the requests. */
  readonly audit: boolean;
}

interface Life {
  readonly worker: WorkerProcess;
  readonly ledger: string;
}

/** The worker processes: started, struck and replaced in their places, each with a file for its notes. */
export class Crew {
  /** When those that are gone ended; milliseconds since the epoch. */
  readonly deaths = new Map<number, number>();
  private readonly lives: Life[] = [];
  private readonly crew: (Life | undefined)[] = [];
  private readonly boots = new Set<Promise<void>>();

  constructor(
    private readonly dir: string,
    private readonly orderFor: (place: number) => Omit<ChaosWorkerOrder, 'ledger'>,
  ) {}

  /** Of those that work now, or did last. */
  get pids(): number[] {
    return this.crew.flatMap((life) => (life ? [life.worker.pid] : []));
  }

  /** Workers that were ready and ended without being told to. */
  get crashed(): number[] {
    const gone = this.lives.filter((life) => life.worker.exited && isReady(life) && !this.isStruck(life));
    return gone.map(({ worker }) => worker.pid);
  }

  /** All that any of them has printed. */
  get printed(): string {
    return this.lives.map(({ worker }) => worker.printed).join('\n');
  }

  pidAt(place: number): number | undefined {
    return this.crew[place]?.worker.pid;
  }

  /** One that ends before it is ready is started again, as an orchestrator would: Redis may refuse it for a while. */
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
    // Whoever has its place by now came later.
    if (this.crew[place] === life) await this.boot(place);
  }

  async strike(deed: WorkerDeed): Promise<void> {
    const life = this.crew[deed.worker];
    switch (deed.kind) {
      case 'kill':
        await this.end(life, 'SIGKILL');
        return this.bootLater(deed.worker);
      case 'replace':
        // A deploy: the new one is there before the old one has to go.
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

  /** Resolves when no worker is starting any more. */
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
    // Set before it is gone, too: whoever waits for it to be ready must not start it again.
    this.deaths.set(pid, Infinity);
    await life.worker.end(signal);
    this.deaths.set(pid, monotonicNow());
  }

  private async launch(place: number): Promise<Life> {
    const ledger = join(this.dir, `${this.lives.length}.ndjson`);
    // It may be gone before it comes to that.
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
