import { execFileSync } from 'node:child_process';
import { ROOT } from './repository.js';

/** About 40 ms where Nest and ioredis take 600 ms. A ratio, because a busy machine is slow at both. */
const MAX_SHARE = 0.12;
const RUNS = 7;

/** Loads what every Nest application has loaded already, then the library, and prints how the times compare. */
const MEASURE = `
  const start = performance.now();
  for (const peer of ['reflect-metadata', 'rxjs', 'rxjs/operators', 'ioredis', '@nestjs/common', '@nestjs/core', '@nestjs/microservices'])
    await import(peer);
  const between = performance.now();
  await import('./dist/esm/index.js');
  console.log((performance.now() - between) / (between - start));
`;

const measure = (): number =>
  Number(execFileSync(process.execPath, ['--input-type=module', '-e', MEASURE], { cwd: ROOT, encoding: 'utf8' }));

describe('importing the library', () => {
  it(`costs at most ${MAX_SHARE * 100} % of what its peers cost`, () => {
    // The best run and not the mean: what else the machine does adds time to a run, nothing takes any away.
    expect(Math.min(...Array.from({ length: RUNS }, measure))).toBeLessThanOrEqual(MAX_SHARE);
  }, 120_000);
});
