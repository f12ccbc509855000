import { execFileSync } from 'node:child_process';
import { ROOT } from './repository.js';

const MAX_MS = 40;
const RUNS = 7;

/** Loads what every Nest application has loaded already, then the library, and prints how long the second part took. */
const MEASURE = `
  for (const peer of ['reflect-metadata', 'rxjs', 'rxjs/operators', 'ioredis', '@nestjs/common', '@nestjs/core', '@nestjs/microservices'])
    await import(peer);
  const started = performance.now();
  await import('./dist/esm/index.js');
  console.log(performance.now() - started);
`;

const measure = (): number =>
  Number(execFileSync(process.execPath, ['--input-type=module', '-e', MEASURE], { cwd: ROOT, encoding: 'utf8' }));

describe('importing the library', () => {
  it(`costs at most ${MAX_MS} ms on top of its peers`, () => {
    // The best run and not the mean: a busy machine adds time to a run, nothing takes any away.
    expect(Math.min(...Array.from({ length: RUNS }, measure))).toBeLessThanOrEqual(MAX_MS);
  }, 120_000);
});
