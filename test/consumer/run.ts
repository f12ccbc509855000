/**
 * Installs the packed library into sample consumer projects and runs it there against a real Redis.
 * The last line is `N passed, N failed`; each check of each project counts.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { locateRedis, startRedis } from '../../scripts/redis-server.js';
import { ConsumerProject, packLibrary } from './consumer-project.js';

const PROJECTS = ['nest11-cjs', 'nest12-esm'];
const CACHE = fileURLToPath(new URL('../../.cache/consumer', import.meta.url));

const binary = await locateRedis({ allowToy: false });
mkdirSync(CACHE, { recursive: true });
const tarball = await packLibrary(CACHE);

let passed = 0;
let failed = 0;
for (const name of PROJECTS) {
  const dir = `${CACHE}/redis-${process.pid}`;
  const redis = await startRedis({ binary, dir, appendonly: false });
  try {
    const project = new ConsumerProject(name, CACHE);
    await project.install(tarball);
    await project.build();
    for (const line of await project.start(redis.port)) {
      console.log(`${name}: ${line}`);
      if (line.startsWith('ok ')) passed++;
      else failed++;
    }
  } catch (error) {
    failed++;
    console.log(`${name}: not ok ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    await redis.stop('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  }
}

console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
