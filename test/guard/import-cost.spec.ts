import { execFileSync } from 'node:child_process';
import { ROOT } from './repository.js';

/** About 40 ms, against 600 ms for Nest and ioredis. A ratio, because a busy machine slows down both. */
const MAX_SHARE = 0.12;
const RUNS = 7;

/** Loads what every Nest application loads anyway, then the library, and prints the ratio of the two times. */
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
  it(`takes at most ${MAX_SHARE * 100} % of the time that its peers take`, () => {
    // The best run, not the mean: other load on the machine can only add time.
    expect(Math.min(...Array.from({ length: RUNS }, measure))).toBeLessThanOrEqual(MAX_SHARE);
  }, 120_000);
});
