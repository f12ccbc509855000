/**
 * Builds what is published: the same sources once as ES modules and once as CommonJS, each with its types. What nobody
 * reads in node_modules is left out: comments and indentation of the code (the types keep theirs) and types that the index
 * never names.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
// Made elsewhere and moved into place whole: whoever looks meanwhile finds the build before, never half of one.
const staging = join(root, `.cache/build-${process.pid}`);
const tsc = fileURLToPath(import.meta.resolve('typescript/bin/tsc'));

async function compile(project, format) {
  const args = [tsc, '-p', project, '--outDir', join(staging, format)];
  const [code] = await once(spawn(process.execPath, args, { cwd: root, stdio: 'inherit' }), 'exit');
  return code === 0;
}

const filesIn = (folder, extension) =>
  readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith(extension))
    .map((name) => join(folder, name));

/** Without comments and indentation; lines and names stay, so that a stack trace means something. */
function tighten(path) {
  const compilerOptions = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.Preserve,
    verbatimModuleSyntax: true,
    removeComments: true,
  };
  const { outputText } = ts.transpileModule(readFileSync(path, 'utf8'), { fileName: path, compilerOptions });
  const templates = templatesOf(outputText);
  const isText = (at) => templates.some(([start, end]) => start < at && at < end);
  writeFileSync(
    path,
    outputText.replaceAll(/^ +/gm, (indentation, at) => (isText(at) ? indentation : '')),
  );
}

/** Where template literals are: white space in there is part of a text. */
function templatesOf(text) {
  const found = [];
  const visit = (node) => {
    if (ts.isNoSubstitutionTemplateLiteral(node) || ts.isTemplateExpression(node))
      found.push([node.getStart(), node.end]);
    else ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('module.js', text, ts.ScriptTarget.ES2022, true));
  return found;
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

const compiled = await Promise.all([compile('tsconfig.build.json', 'esm'), compile('tsconfig.cjs.json', 'cjs')]);
if (compiled.includes(false)) {
  // The compiler has already said what is wrong. No build is better than one of other sources.
  for (const folder of [staging, dist]) rmSync(folder, { recursive: true, force: true });
  process.exit(1);
}
for (const format of ['esm', 'cjs']) {
  const folder = join(staging, format);
  const named = reachable(join(folder, 'index.d.ts'));
  for (const path of filesIn(folder, '.d.ts')) if (!named.has(path)) rmSync(path);
  for (const path of filesIn(folder, '.js')) tighten(path);
}
// The package is an ES module; without this file Node would read dist/cjs as one too.
writeFileSync(join(staging, 'cjs/package.json'), '{ "type": "commonjs" }\n');
rmSync(dist, { recursive: true, force: true });
renameSync(staging, dist);
