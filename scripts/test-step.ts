/** One step of `npm test`: a command, how its outcome is counted, and a run with a time limit. */
import { execa } from 'execa';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export interface Step {
  readonly name: string;
  readonly command: readonly string[];
  /**
   * `one`: the whole step is one test. `jest`: jest's report. `last-line`: the last line is `N passed, N failed`, with
   * an optional remark after a colon.
   */
  readonly counting: 'one' | 'jest' | 'last-line';
  readonly limitMs?: number;
  readonly env?: NodeJS.ProcessEnv;
  /** Why the step cannot run here; undefined if it can. */
  readonly lacks?: () => string | undefined;
}

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** What the tests do not report: no test ran, a timeout, a bad exit, why the step was skipped, or a measurement. */
  readonly remark?: string;
}

export interface Outcome extends Counts {
  readonly seconds: number;
  readonly output: string;
}

interface Exit {
  readonly code: number | null;
  readonly cutOff: boolean;
  readonly output: string;
}

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const REPORTS = `${ROOT}/.cache/test`;
const DEFAULT_LIMIT_MS = 8 * 60_000;
const NOTHING: Counts = { passed: 0, failed: 0, skipped: 0 };

export async function runStep(step: Step): Promise<Outcome> {
  const lack = step.lacks?.();
  if (lack !== undefined) return { ...NOTHING, skipped: 1, seconds: 0, output: '', remark: lack };

  const report = `${REPORTS}/${step.name}.json`;
  mkdirSync(REPORTS, { recursive: true });
  // A report of the previous run must never count for this one.
  rmSync(report, { force: true });

  const started = performance.now();
  const command = step.counting === 'jest' ? [...step.command, '--json', '--outputFile', report] : step.command;
  const exit = await runCommand(command, step.limitMs ?? DEFAULT_LIMIT_MS, step.env);
  const seconds = (performance.now() - started) / 1_000;

  return { ...judge(count(step, exit, report), exit), seconds, output: exit.output };
}

function count(step: Step, exit: Exit, report: string): Counts {
  if (step.counting === 'one') return exit.code === 0 ? { ...NOTHING, passed: 1 } : { ...NOTHING, failed: 1 };
  return step.counting === 'jest' ? countJest(report) : countLastLine(exit.output);
}

/** A step must not pass because nothing ran: no test at all, a bad exit and a timeout each count as a failure. */
function judge(counts: Counts, exit: Exit): Counts {
  if (exit.cutOff) return { ...counts, failed: counts.failed + 1, remark: 'did not end in time and was stopped' };
  if (counts.failed > 0) return counts;
  if (counts.passed === 0) return { ...counts, failed: 1, remark: 'ran no test' };
  // Somebody's `it.only` would leave out all other tests of its file.
  if (counts.skipped > 0) return { ...counts, failed: 1, remark: `left out ${counts.skipped} tests` };
  return exit.code === 0 ? counts : { ...counts, failed: 1, remark: `exited with ${exit.code ?? 'a signal'}` };
}

function countJest(report: string): Counts {
  try {
    const json = JSON.parse(readFileSync(report, 'utf8')) as Record<string, number>;
    // A file that does not load has no failed test, only a suite that could not run.
    const failed = (json['numFailedTests'] ?? 0) + (json['numRuntimeErrorTestSuites'] ?? 0);
    return { passed: json['numPassedTests'] ?? 0, failed, skipped: json['numPendingTests'] ?? 0 };
  } catch {
    return NOTHING;
  }
}

function countLastLine(output: string): Counts {
  const match = /^(\d+) passed, (\d+) failed(?:: (.+))?$/.exec(output.trimEnd().split('\n').at(-1) ?? '');
  if (!match) return NOTHING;
  const [, passed, failed, remark] = match;
  return { passed: Number(passed), failed: Number(failed), skipped: 0, ...(remark !== undefined && { remark }) };
}

async function runCommand(command: readonly string[], limitMs: number, env: NodeJS.ProcessEnv = {}): Promise<Exit> {
  const [file = '', ...args] = command;
  const child = execa(file, args, {
    cwd: ROOT,
    env: { NO_COLOR: '1', ...env },
    preferLocal: true,
    stdin: 'ignore',
    all: true,
    maxBuffer: Infinity,
    reject: false,
    timeout: limitMs,
    // Its own process group, so that whatever a step leaves running ends with it.
    detached: true,
  });
  const endGroup = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // Already ended, as intended.
    }
  };
  process.once('exit', endGroup);
  // Before execa settles: it waits for the pipes, which a grandchild may hold open.
  child.once('exit', endGroup);
  const { exitCode = null, timedOut, all, shortMessage } = await child;
  process.off('exit', endGroup);
  return { code: exitCode, cutOff: timedOut, output: all || (shortMessage ?? '') };
}
