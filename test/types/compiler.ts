import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** The compiler errors of one source, one string each: `TS2353 in line 3: Object literal may only …`. */
export type Complaints = readonly string[];

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The strict options of this repository. The package name resolves to `lib/index.ts`. */
function compilerOptions(): ts.CompilerOptions {
  const { config } = ts.readConfigFile(`${ROOT}tsconfig.json`, (path) => ts.sys.readFile(path));
  const parsed = ts.parseJsonConfigFileContent(config, { ...ts.sys, readDirectory: () => [] }, ROOT);
  return { ...parsed.options, noEmit: true, noUnusedLocals: false };
}

/**
 * Compiles in-memory sources, all in one program, as if they were modules in the root of this repository. The result
 * has the same keys.
 */
export function compileAll(sources: ReadonlyMap<string, string>): ReadonlyMap<string, Complaints> {
  const options = compilerOptions();
  const fileOf = new Map([...sources.keys()].map((key, index) => [key, `${ROOT}__source-${index}.ts`]));
  const textOf = new Map([...fileOf].map(([key, file]) => [file, sources.get(key) ?? '']));

  const base = ts.createCompilerHost(options, true);
  const host: ts.CompilerHost = {
    ...base,
    fileExists: (file) => textOf.has(file) || base.fileExists(file),
    readFile: (file) => textOf.get(file) ?? base.readFile(file),
    getSourceFile: (file, version, ...rest) => {
      const text = textOf.get(file);
      return text === undefined
        ? base.getSourceFile(file, version, ...rest)
        : ts.createSourceFile(file, text, version, true);
    },
  };

  const program = ts.createProgram([...textOf.keys()], options, host);
  return new Map([...fileOf].map(([key, file]) => [key, complaintsAbout(program, file)]));
}

function complaintsAbout(program: ts.Program, file: string): Complaints {
  const source = program.getSourceFile(file);
  return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map(
    ({ code, messageText, start }) => {
      const line = source?.getLineAndCharacterOfPosition(start ?? 0).line ?? 0;
      return `TS${code} in line ${line + 1}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
    },
  );
}
