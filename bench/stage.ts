import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Answer, Question, Role } from './messages.js';
import type { Figures } from './workload.js';

const LIMIT_MS = 120_000;
const CLOSE_LIMIT_MS = 5_000;

export interface ServerHandle {
  /** When the server had handled this many events in all, in milliseconds of the wall clock. */
  handled(count: number): Promise<number>;
}

export interface ClientHandle {
  /** The task is what the `drive` of the same workload takes. */
  drive(task: unknown): Promise<Figures>;
}

/** The processes of one turn: starts what a workload asks for and ends all of it. */
/** `BENCH_PROFILES=dir npm run bench …` leaves a CPU profile of each process there. */
const { BENCH_PROFILES } = process.env;
const PROFILING = BENCH_PROFILES ? ['--cpu-prof', `--cpu-prof-dir=${BENCH_PROFILES}`] : [];

export class Stage {
  private readonly children: ChildProcess[] = [];

  constructor(private readonly role: Role) {}

  async startServer(): Promise<ServerHandle> {
    const child = await this.start('server-process.ts');
    return {
      handled: async (count) => (await ask(child, { kind: 'handled', count }))['handledAt'] ?? NaN,
    };
  }

  async startClient(): Promise<ClientHandle> {
    const child = await this.start('client-process.ts');
    return { drive: (task) => ask(child, { kind: 'drive', task }) };
  }

  /** Clients first, so that no server goes away under a caller. */
  async close(): Promise<void> {
    for (const child of this.children.toReversed()) {
      const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      if (child.exitCode === null && child.signalCode === null) {
        await ask(child, { kind: 'close' }, CLOSE_LIMIT_MS).catch(() => undefined);
        const kill = setTimeout(() => child.kill('SIGKILL'), CLOSE_LIMIT_MS);
        await ended;
        clearTimeout(kill);
      }
    }
  }

  private async start(file: string): Promise<ChildProcess> {
    const path = fileURLToPath(new URL(file, import.meta.url));
    const child = fork(path, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      execArgv: [...process.execArgv, ...PROFILING],
    });
    this.children.push(child);
    await ask(child, { kind: 'start', role: this.role });
    return child;
  }
}

function ask(child: ChildProcess, question: Question, limitMs = LIMIT_MS): Promise<Figures> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      clearTimeout(limit);
      child.off('message', listen).off('exit', exit);
      act();
    };
    const listen = (said: Answer): void =>
      settle(() => ('error' in said ? reject(new Error(said.error)) : resolve(said.figures)));
    const exit = (code: number | null): void => settle(() => reject(new Error(`A process ended with ${code}`)));
    const limit = setTimeout(
      () => settle(() => reject(new Error(`No answer to "${question.kind}" within ${limitMs} ms`))),
      limitMs,
    );
    child.on('message', listen).on('exit', exit);
    child.send(question);
  });
}
