/**
 * Builds what is published: the same sources once as ES modules and once as CommonJS, each with its types. What nobody
 * reads in node_modules is left out: comments in the code (the types keep theirs) and types that the index never names.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const tsc = fileURLToPath(import.meta.resolve('typescript/bin/tsc'));

const compile = (project) => execFileSync(process.execPath, [tsc, '-p', project], { cwd: root, stdio: 'inherit' });

const filesIn = (folder, extension) =>
  readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith(extension))
    .map((name) => join(folder, name));

function stripComments(path) {
  const compilerOptions = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.Preserve,
    verbatimModuleSyntax: true,
    removeComments: true,
  };
  const { outputText } = ts.transpileModule(readFileSync(path, 'utf8'), { fileName: path, compilerOptions });
  writeFileSync(path, outputText);
}

/** Every declaration file that can be reached from this one. */
function reachable(path, found = new Set()) {
  if (found.has(path)) return found;
  found.add(path);
  for (const { fileName } of ts.preProcessFile(readFileSync(path, 'utf8')).importedFiles) {
    if (fileName.startsWith('.')) reachable(resolve(dirname(path), fileName.replace(/\.js$/, '.d.ts')), found);
  }
  return found;
}

rmSync(dist, { recursive: true, force: true });
try {
  compile('tsconfig.build.json');
  compile('tsconfig.cjs.json');
} catch {
  // The compiler has already said what is wrong; half a build must not look like one.
  rmSync(dist, { recursive: true, force: true });
  process.exit(1);
}
for (const format of ['esm', 'cjs']) {
  const folder = join(dist, format);
  const named = reachable(join(folder, 'index.d.ts'));
  for (const path of filesIn(folder, '.d.ts')) if (!named.has(path)) rmSync(path);
  for (const path of filesIn(folder, '.js')) stripComments(path);
}
// The package is an ES module; without this file Node would read dist/cjs as one too.
writeFileSync(join(dist, 'cjs/package.json'), '{ "type": "commonjs" }\n');
