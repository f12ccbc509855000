import { fork } from 'node:child_process';
import { once } from 'node:events';
import { BUNDLED_PROCESS } from './bundle.js';
import type { Figures } from './figures.js';
import type { Answer, Question } from './messages.js';

const ANSWER_LIMIT_MS = 60_000;
const CLOSE_LIMIT_MS = 5_000;
/** `BENCH_PROFILES=dir npm run bench …` writes a CPU profile of each process to `dir`. */
const { BENCH_PROFILES } = process.env;
const PROFILING = BENCH_PROFILES ? ['--cpu-prof', `--cpu-prof-dir=${BENCH_PROFILES}`] : [];

/** A benchmark process that answers questions, one at a time. It boots before the first question arrives. */
export class Child {
  private readonly process = fork(BUNDLED_PROCESS, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: ['--expose-gc', ...PROFILING],
  });
  private readonly end = new AbortController();
  private readonly ended = once(this.process, 'exit').then(([code, signal]) =>
    this.end.abort(new Error(`the process ended with ${signal ?? code}`)),
  );

  /** @throws {Error} if the process reports an error, ends, or does not answer in time */
  async ask(question: Question, limitMs = ANSWER_LIMIT_MS): Promise<Figures> {
    const signal = AbortSignal.any([this.end.signal, AbortSignal.timeout(limitMs)]);
    // A process that is about to end has closed its channel already: its exit says so.
    this.process.send(question, () => undefined);
    const [said] = (await once(this.process, 'message', { signal }).catch((error: unknown) => {
      throw new Error(`No answer to "${question.kind}" within ${limitMs} ms`, { cause: signal.reason ?? error });
    })) as [Answer];
    if ('error' in said) throw new Error(said.error);
    return said.figures;
  }

  async close(): Promise<void> {
    await this.ask({ kind: 'close' }, CLOSE_LIMIT_MS).catch(() => undefined);
    const kill = setTimeout(() => this.process.kill('SIGKILL'), CLOSE_LIMIT_MS);
    await this.ended;
    clearTimeout(kill);
  }

  /** Ends the process as abruptly as a power cut would. */
  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.ended;
  }
}
