/**
 * `npm test`: runs every check of this repository, one after the other, and prints the totals at the end.
 * `npm test -- unit guard` runs only the named steps; a failed step does not stop the ones after it.
 */
import { locateChromium } from './chromium.js';
import { runStep, type Outcome, type Step } from './test-step.js';

const TYPESCRIPT = ['node', '--import', '@swc-node/register/esm-register'];
const JEST = ['npm', 'run', '--silent', 'jest', '--'];

const check = (name: string, ...command: string[]): Step => ({ name, command, counting: 'one' });
const suite = (name: string, ...flags: string[]): Step => ({
  name,
  command: [...JEST, '--selectProjects', name, ...flags],
  counting: 'jest',
});

/** The faults with a step of their own: these measure times, so they need the machine to themselves. */
const ALONE = 'faults/(chaos|hung-node)\\.spec';

/** With `REQUIRE_BROWSER=1` the browser step is never skipped: it fails without a browser. */
const chromiumLack = (): string | undefined =>
  process.env['REQUIRE_BROWSER'] === '1' || locateChromium() !== undefined
    ? undefined
    : 'there is no working Chromium: none on PATH, and CHROMIUM names none';

// The build comes before the steps that check its output: guard, publint, attw and the consumers.
const STEPS: readonly Step[] = [
  check('format', 'prettier', '--check', '.'),
  check('lint', 'npm', 'run', '--silent', 'lint'),
  check('typecheck', 'tsc', '-p', 'tsconfig.json'),
  check('knip', 'npm', 'run', '--silent', 'knip'),
  check('build', 'npm', 'run', '--silent', 'build'),
  suite('unit', '--maxWorkers=100%'),
  suite('types'),
  suite('guard'),
  check('publint', 'publint', '--strict'),
  // attw runs `npm pack`, which would build the package once more.
  { ...check('attw', 'attw', '--pack', '.'), env: { npm_config_ignore_scripts: 'true' } },
  // These spend most of their time waiting: for leases, timeouts and servers that come back.
  suite('contract', '--maxWorkers=3'),
  suite('faults', '--maxWorkers=2', '--testPathIgnorePatterns', ALONE),
  { ...suite('faults', '--runInBand', '--testPathPatterns', ALONE), name: 'chaos' },
  // Not more at a time: each spec starts whole applications.
  suite('e2e', '--maxWorkers=2'),
  { ...suite('browser', '--runInBand'), lacks: chromiumLack },
  { name: 'consumers', command: [...TYPESCRIPT, 'test/consumer/run.ts'], counting: 'last-line' },
  { name: 'bench', command: [...TYPESCRIPT, 'bench/check.ts'], counting: 'last-line', limitMs: 3 * 60_000 },
];

// Ctrl-C must end the step too, which runs in a process group of its own.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !STEPS.some((step) => step.name === name));
if (unknown.length > 0) {
  console.error(`No step is called ${unknown.join(', ')}. Steps: ${STEPS.map((step) => step.name).join(', ')}`);
  process.exit(2);
}

const outcomes: Outcome[] = [];
for (const step of STEPS) {
  if (wanted.length > 0 && !wanted.includes(step.name)) continue;
  const outcome = await runStep(step);
  outcomes.push(outcome);
  console.log(describe(step, outcome));
  if (outcome.failed > 0) console.log(indent(outcome.output));
}

const total = (key: 'passed' | 'failed' | 'seconds'): number => outcomes.reduce((sum, each) => sum + each[key], 0);
console.log(`\n${outcomes.length} steps in ${total('seconds').toFixed(0)} s`);
console.log(`${total('passed')} passed, ${total('failed')} failed`);
process.exitCode = total('failed') > 0 ? 1 : 0;

function describe(step: Step, outcome: Outcome): string {
  const verdict = outcome.failed > 0 ? 'FAIL' : outcome.passed > 0 ? 'ok  ' : 'skip';
  const skipped = outcome.skipped > 0 ? `, ${outcome.skipped} skipped` : '';
  const remark = outcome.remark === undefined ? '' : ` (${outcome.remark})`;
  const time = `${outcome.seconds.toFixed(1)} s`.padStart(8);
  return `${verdict} ${step.name.padEnd(10)} ${time}  ${outcome.passed} passed, ${outcome.failed} failed${skipped}${remark}`;
}

function indent(output: string): string {
  return output.trimEnd().replaceAll(/^/gm, '     | ');
}
