import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { PROCESSES } from './bundle.js';
import type { Answer, Question } from './messages.js';
import type { Figures } from './workload.js';

const CLOSE_LIMIT_MS = 5_000;
/** `BENCH_PROFILES=dir npm run bench …` writes a CPU profile of each process to `dir`. */
const { BENCH_PROFILES } = process.env;
const PROFILING = BENCH_PROFILES ? ['--cpu-prof', `--cpu-prof-dir=${BENCH_PROFILES}`] : [];

/** A benchmark process that answers questions, one at a time. It boots before the first question arrives. */
export class Child {
  private readonly process: ChildProcess;

  constructor(kind: keyof typeof PROCESSES) {
    this.process = fork(PROCESSES[kind], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      execArgv: ['--expose-gc', ...PROFILING],
    });
  }

  /** @throws {Error} if the process reports an error, ends, or does not answer in time */
  ask(question: Question, limitMs: number): Promise<Figures> {
    const child = this.process;
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

  async close(): Promise<void> {
    if (this.hasEnded) return;
    const ended = once(this.process, 'exit');
    await this.ask({ kind: 'close' }, CLOSE_LIMIT_MS).catch(() => undefined);
    const kill = setTimeout(() => this.process.kill('SIGKILL'), CLOSE_LIMIT_MS);
    await ended;
    clearTimeout(kill);
  }

  /** Ends the process as abruptly as a power cut would. */
  async kill(): Promise<void> {
    if (this.hasEnded) return;
    const ended = once(this.process, 'exit');
    this.process.kill('SIGKILL');
    await ended;
  }

  private get hasEnded(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null;
  }
}
