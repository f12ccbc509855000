import ts from 'typescript';
import { filesIn, read } from './repository.js';

interface Source {
  readonly path: string;
  readonly text: string;
  readonly tree: ts.SourceFile;
}

/** A file imports from its own folder, from folders with a lower number, and from any folder with number 0. */
const FLOOR: Record<string, number> = {
  index: 5,
  client: 4,
  server: 4,
  'dead-letters': 4,
  context: 3,
  record: 3,
  options: 3,
  codec: 2,
  redis: 1,
  topology: 1,
  timing: 0,
  interfaces: 0,
  errors: 0,
  constants: 0,
};

const sources: Source[] = filesIn('lib', '.ts').map((path) => {
  const text = read(path);
  return { path, text, tree: ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true) };
});

function nodesOf(tree: ts.SourceFile): ts.Node[] {
  const found: ts.Node[] = [];
  const visit = (node: ts.Node): void => {
    found.push(node);
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return found;
}

function importsOf(tree: ts.SourceFile): string[] {
  return nodesOf(tree).flatMap((node) => {
    if (!ts.isImportDeclaration(node) && !ts.isExportDeclaration(node)) return [];
    return node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier) ? [node.moduleSpecifier.text] : [];
  });
}

const roomOf = (path: string): string => path.replace(/^lib\//, '').split(/[/.]/)[0] ?? '';

const roomImported = (from: string, specifier: string): string =>
  roomOf(new URL(specifier, `file:///${from}`).pathname.slice(1));

/** `lib/x.ts: what` for every violation that `look` finds. */
const offences = (look: (source: Source) => string[]): string[] =>
  sources.flatMap((source) => look(source).map((what) => `${source.path}: ${what}`));

describe('the sources of the library', () => {
  it('are in known folders', () => {
    expect(offences(({ path }) => (roomOf(path) in FLOOR ? [] : ['is in a folder that FLOOR does not name']))).toEqual(
      [],
    );
  });

  it('import in one direction only', () => {
    const upward = offences(({ path, tree }) =>
      importsOf(tree)
        .filter((specifier) => specifier.startsWith('.'))
        .filter((specifier) => {
          const from = roomOf(path);
          const to = roomImported(path, specifier);
          return from !== to && (FLOOR[to] ?? 0) >= (FLOOR[from] ?? 0) && FLOOR[to] !== 0;
        }),
    );
    expect(upward).toEqual([]);
  });

  it('keep Nest out of lib/redis', () => {
    const nest = offences(({ path, tree }) =>
      roomOf(path) === 'redis' ? importsOf(tree).filter((specifier) => specifier.startsWith('@nestjs/')) : [],
    );
    expect(nest).toEqual([]);
  });

  it('import packages only through their public entry points', () => {
    const doors = [
      'ioredis',
      'reflect-metadata',
      'rxjs',
      'uuid',
      '@nestjs/common',
      '@nestjs/core',
      '@nestjs/microservices',
    ];
    const others = offences(({ tree }) =>
      importsOf(tree).filter((name) => !name.startsWith('.') && !name.startsWith('node:') && !doors.includes(name)),
    );
    expect(others).toEqual([]);
  });

  it('export by name, never with `export *`', () => {
    const stars = offences(({ tree }) =>
      nodesOf(tree)
        .filter((node) => ts.isExportDeclaration(node) && node.exportClause === undefined)
        .map((node) => node.getText()),
    );
    expect(stars).toEqual([]);
  });

  it('do not use `any`', () => {
    const anys = offences(({ tree }) =>
      nodesOf(tree)
        .filter((node) => node.kind === ts.SyntaxKind.AnyKeyword)
        .map((node) => node.parent.getText()),
    );
    expect(anys).toEqual([]);
  });

  it('silence neither the compiler nor the linter', () => {
    const silenced = offences(
      ({ text }) => text.match(/@ts-(ignore|expect-error|nocheck)|(ox|es)lint-disable.*/g) ?? [],
    );
    expect(silenced).toEqual([]);
  });

  it('never write to the console', () => {
    const writes = offences(({ tree }) =>
      nodesOf(tree)
        .filter((node) => ts.isIdentifier(node) && node.text === 'console')
        .map((node) => node.parent.getText()),
    );
    expect(writes).toEqual([]);
  });
});
