/** Builds what is published: the same sources once as ES modules and once as CommonJS, each with its types. */
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const tsc = fileURLToPath(import.meta.resolve('typescript/bin/tsc'));
const compile = (project) => execFileSync(process.execPath, [tsc, '-p', project], { cwd: root, stdio: 'inherit' });

rmSync(`${root}/dist`, { recursive: true, force: true });
try {
  compile('tsconfig.build.json');
  compile('tsconfig.cjs.json');
} catch {
  // The compiler has already said what is wrong; half a build must not look like one.
  rmSync(`${root}/dist`, { recursive: true, force: true });
  process.exit(1);
}
// The package is an ES module; without this file Node would read dist/cjs as one too.
writeFileSync(`${root}/dist/cjs/package.json`, '{ "type": "commonjs" }\n');
