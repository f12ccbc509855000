import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The name under which consumers install and import the library. */
export const PACKAGE = 'nestjs-redis-stream-transport';

/** Packs what `npm publish` would upload, from the last build, and returns the path of the tarball. */
export async function packLibrary(folder: string): Promise<string> {
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const { stdout } = await run('npm', args, { cwd: ROOT });
  const [packed] = JSON.parse(stdout) as { filename: string }[];
  if (!packed) throw new Error('npm pack named no package');
  return `${folder}/${packed.filename}`;
}

/** The build that a project has installed must be the packed one, not a copy that npm kept. */
export function assertPacked(project: string): void {
  const built = readFileSync(`${ROOT}dist/cjs/index.js`, 'utf8');
  const installed = readFileSync(`${project}/node_modules/${PACKAGE}/dist/cjs/index.js`, 'utf8');
  if (built !== installed) throw new Error('npm installed a different build from the packed one');
}
