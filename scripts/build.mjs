/**
 * Builds what is published: the same sources as ES modules and as CommonJS, each with its types. Leaves out what has no
 * use in node_modules: comments and indentation of the code (the types keep theirs), and types that the index does not
 * reach.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
// Built elsewhere and moved into place as a whole: readers find the previous build until then, never a partial one.
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

/** Removes comments and indentation. Lines and names stay, so that stack traces remain useful. */
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

/** The ranges of template literals: white space inside them is part of a text. */
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

/** All declaration files reachable from this one. */
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
  // The compiler has already reported the errors. No build is better than one of older sources.
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
