/**
 * Installs the packed library into sample consumer projects, and into the project of the README's quick start, and runs
 * it there against a real Redis. The last line is `N passed, N failed`; each check of each project counts.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { locateRedis, startRedis } from '../../scripts/redis-server.js';
import { QuickStartGuide } from '../support/quick-start-guide.js';
import type { Consumer } from './consumer.js';
import { ConsumerProject } from './consumer-project.js';
import { packLibrary } from './packed-library.js';
import { QuickStart, VARIANTS } from './quick-start.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CACHE = `${ROOT}.cache/consumer`;
const PROJECTS = ['nest11-cjs', 'nest12-esm'];
/** Two, because an installation waits for the network and a compiler does not. */
const AT_ONCE = 2;

const binary = await locateRedis({ allowToy: false });
mkdirSync(CACHE, { recursive: true });
const tarball = await packLibrary(CACHE);
const guide = new QuickStartGuide(readFileSync(`${ROOT}README.md`, 'utf8'));

const waiting: Consumer[] = [
  ...PROJECTS.map((name) => new ConsumerProject(name, CACHE)),
  ...VARIANTS.map((variant) => new QuickStart(guide, variant, CACHE)),
];

let passed = 0;
let failed = 0;
await Promise.all(Array.from({ length: AT_ONCE }, work));
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

async function work(): Promise<void> {
  for (let consumer = waiting.shift(); consumer; consumer = waiting.shift()) {
    for (const line of await linesOf(consumer)) {
      console.log(`${consumer.name}: ${line}`);
      if (line.startsWith('ok ')) passed++;
      else failed++;
    }
  }
}

/** The outcome of each check of one consumer; a consumer that cannot be installed or compiled has failed one. */
async function linesOf(consumer: Consumer): Promise<readonly string[]> {
  const dir = `${CACHE}/redis-${process.pid}-${consumer.name}`;
  try {
    await consumer.install(tarball);
    const redis = await startRedis({ binary, dir, extraArgs: guide.redisArguments, ownGroup: false });
    return await consumer.check(redis).finally(() => redis.stop('SIGKILL'));
  } catch (error) {
    return [`not ok ${error instanceof Error ? error.message : String(error)}`];
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
