import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runStep } from '../../../scripts/test-step.js';
import type { Outcome, Step } from '../../../scripts/test-step.js';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'test-step-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** A step whose command is this script. */
function run(script: string, counting: Step['counting'], limitMs?: number): Promise<Outcome> {
  const file = join(directory, 'step.mjs');
  writeFileSync(file, script);
  return runStep({ name: 'unit-test', command: [process.execPath, file], counting, ...(limitMs && { limitMs }) });
}

/** Writes a report as Jest does. */
const jest = (report: object, exit = 0): string => `
  import { writeFileSync } from 'node:fs';
  writeFileSync(process.argv[process.argv.indexOf('--outputFile') + 1], '${JSON.stringify(report)}');
  process.exit(${exit});`;

describe('a step of npm test', () => {
  it.each<[title: string, script: string, counting: Step['counting'], passed: number, failed: number]>([
    ['passes with exit code 0', '', 'one', 1, 0],
    ['fails with another exit code', 'process.exit(3)', 'one', 0, 1],
    ['counts the tests of Jest', jest({ numPassedTests: 7, numFailedTests: 2 }, 1), 'jest', 7, 2],
    ['counts a spec that does not load', jest({ numPassedTests: 7, numRuntimeErrorTestSuites: 1 }, 1), 'jest', 7, 1],
    ['fails if Jest leaves tests out', jest({ numPassedTests: 7, numPendingTests: 3 }), 'jest', 7, 1],
    ['fails if Jest exits with an error all the same', jest({ numPassedTests: 7 }, 1), 'jest', 7, 1],
    ['fails if Jest runs no test', jest({ numPassedTests: 0 }), 'jest', 0, 1],
    ['fails if Jest writes no report', '', 'jest', 0, 1],
    ['counts what its last line says', `console.log('x\\n3 passed, 1 failed')`, 'last-line', 3, 1],
    ['fails without such a last line', `console.log('3 passed, 0 failed\\nx')`, 'last-line', 0, 1],
  ])('%s', async (_, script, counting, passed, failed) => {
    expect(await run(script, counting)).toMatchObject({ passed, failed });
  });

  it('fails when it does not end in time', async () => {
    const outcome = await run('setInterval(() => undefined, 1_000)', 'one', 300);
    expect(outcome).toMatchObject({ failed: expect.any(Number), remark: 'did not end in time and was stopped' });
    expect(outcome.failed).toBeGreaterThan(0);
  });
});
