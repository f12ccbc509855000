import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { eventually } from '../../support/eventually.js';
import { WorkerProcess } from '../../support/worker-process.js';
import type { WorkerOrder } from '../../support/worker-process.js';
import { readNotes } from './ledger.js';
import type { RunNote } from './ledger.js';
import type { Deed } from './nemesis.js';

const FIXTURE = fileURLToPath(new URL('worker.ts', import.meta.url));
const READY_WITHIN_MS = 30_000;

export type WorkerDeed = Extract<Deed, { worker: number }>;

/** The worker processes: started, struck and replaced in their places, each with a file for its notes. */
export class Crew {
  private readonly lives: WorkerProcess[] = [];
  private readonly ledgers: string[] = [];
  private readonly crew: (WorkerProcess | undefined)[] = [];
  private readonly boots = new Set<Promise<void>>();

  constructor(
    private readonly dir: string,
    private readonly orderFor: (place: number) => Omit<WorkerOrder, 'ledger'>,
  ) {}

  /** Of those that work now, or did last. */
  get pids(): number[] {
    return this.crew.flatMap((worker) => (worker ? [worker.pid] : []));
  }

  /** All that any of them has printed. */
  get printed(): string {
    return this.lives.map(({ printed }) => printed).join('\n');
  }

  pidAt(place: number): number | undefined {
    return this.crew[place]?.pid;
  }

  async boot(place: number): Promise<void> {
    const ledger = join(this.dir, `${this.ledgers.length}.ndjson`);
    this.ledgers.push(ledger);
    // It may be gone before it comes to that.
    await writeFile(ledger, '');
    const worker = WorkerProcess.launch({ ...this.orderFor(place), ledger }, FIXTURE);
    this.lives.push(worker);
    this.crew[place] = worker;
    await eventually(
      () => {
        if (!worker.exited && !worker.reports.some(({ fact }) => fact === 'ready')) throw new Error('not ready');
      },
      { within: READY_WITHIN_MS, every: 50 },
    );
  }

  async strike(deed: WorkerDeed): Promise<void> {
    const worker = this.crew[deed.worker];
    switch (deed.kind) {
      case 'kill':
        await worker?.end('SIGKILL');
        return this.bootLater(deed.worker);
      case 'replace':
        // A deploy: the new one is there before the old one has to go.
        await this.boot(deed.worker);
        await worker?.end('SIGTERM');
        return;
      case 'freeze':
        worker?.signal('SIGSTOP');
        await pause(deed.ms);
        worker?.signal('SIGCONT');
    }
  }

  /** Resolves when nobody is on the way any more. */
  async complete(): Promise<void> {
    await Promise.all(this.boots);
  }

  async stop(): Promise<void> {
    await Promise.all(this.crew.flatMap((worker) => (worker ? [worker.end('SIGTERM')] : [])));
  }

  async kill(): Promise<void> {
    for (const worker of this.lives) {
      worker.signal('SIGCONT');
      await worker.end('SIGKILL');
    }
  }

  notes(): RunNote[] {
    return readNotes(this.ledgers);
  }

  private bootLater(place: number): void {
    const boot = this.boot(place).finally(() => this.boots.delete(boot));
    this.boots.add(boot);
  }
}
