import { existsSync } from 'node:fs';
import ts from 'typescript';
import { BACKOFF_OPTIONS } from '../../lib/options/backoff.js';
import { CLIENT_OPTIONS } from '../../lib/options/client-options.js';
import { HANDLER_EXTRAS } from '../../lib/options/handler-extras.js';
import { RETENTION_OPTIONS } from '../../lib/options/retention.js';
import { SERVER_OPTIONS } from '../../lib/options/server-options.js';
import { SHARED_OPTIONS } from '../../lib/options/shared-options.js';
import type { Schema } from '../../lib/options/schema.js';
import { DAY_MS, MAX_AGE_MS, MAX_TIME_MS } from '../../lib/timing/time.js';
import { read, ROOT } from './repository.js';

const SCHEMAS: readonly [name: string, schema: Schema][] = [
  ['SharedOption', SHARED_OPTIONS],
  ['RedisStreamServerOption', { ...SHARED_OPTIONS, ...SERVER_OPTIONS }],
  ['RedisStreamClientOption', { ...SHARED_OPTIONS, ...CLIENT_OPTIONS }],
  ['RedisStreamHandlerExtras', HANDLER_EXTRAS],
  ['Backoff', BACKOFF_OPTIONS],
  ['Retention', RETENTION_OPTIONS],
];

/** Formats a number as the documents do: 86400000 is 86_400_000. */
const figure = (value: number): string => String(value).replaceAll(/\B(?=(\d{3})+$)/g, '_');

/** Values that the documents write in words. */
const WORDS: ReadonlyMap<number, string> = new Map([
  [MAX_TIME_MS, '24.8 days'],
  [DAY_MS, 'a day'],
  [MAX_AGE_MS, 'ten years'],
]);

const inWords = (value: number): string => WORDS.get(value) ?? figure(value);

/** Defaults that are numbers or short strings; the documents describe the others in words. */
function plainDefault(option: Schema[string]): string | undefined {
  const value = defaultOf(option);
  if (typeof value === 'number') return figure(value);
  return typeof value === 'string' && value.length < 3 ? `'${value}'` : undefined;
}

function defaultOf(option: Schema[string]): unknown {
  if (option.isRequired) return undefined;
  try {
    return option.fallback();
  } catch {
    return undefined;
  }
}

/** The same for defaults that have several parts. */
function documentedDefault(option: Schema[string]): string | undefined {
  const value = defaultOf(option);
  if (typeof value !== 'object' || value === null) return plainDefault(option);
  const parts = Object.entries(value as Record<string, number | undefined>).filter(([, part]) => part !== undefined);
  return `{ ${parts.map(([name, part]) => `${name.replace(/Ms$/, '')}: ${figure(part ?? NaN)}`).join(', ')} }`;
}

function boundsOf({ minimum, maximum }: Schema[string]): string | undefined {
  if (minimum === undefined) return undefined;
  return maximum === undefined ? `≥ ${figure(minimum)}` : `${inWords(minimum)} to ${inWords(maximum)}`;
}

/** Options with parts: what the column of the bounds says about them. */
const NESTED: ReadonlyMap<string, string | undefined> = new Map([
  ['backoff', boundsOf(Object.values(BACKOFF_OPTIONS)[0] as Schema[string])],
  [
    'retention',
    Object.entries(RETENTION_OPTIONS)
      .map(([name, option]) => `${name} ${boundsOf(option)}`)
      .join(', '),
  ],
]);

interface Row {
  readonly name: string;
  readonly cells: readonly string[];
}

describe('docs/options.md', () => {
  const rows: readonly Row[] = [...read('docs/options.md').matchAll(/^\| `(\w+)` +\|(.*)\|$/gm)].map((row) => ({
    name: row[1] ?? '',
    cells: (row[2] ?? '').split(' | ').map((cell) => cell.trim().replaceAll('`', '')),
  }));
  const tables = SCHEMAS.filter(([name]) => name.startsWith('RedisStream'));

  it.each(tables)('has a row for every option of %s, with its default and its bounds', (interfaceName, schema) => {
    const wrong = Object.entries(schema).flatMap(([name, option]) => {
      const own = rows.filter((row) => row.name === name);
      if (own.length === 0) return [`${name}: no row`];
      // The extras of a handler have no defaults of their own.
      if (interfaceName === 'RedisStreamHandlerExtras') return [];
      const expected = [documentedDefault(option), NESTED.get(name) ?? boundsOf(option)];
      const isRight = own.some(({ cells }) =>
        expected.every((word, at) => word === undefined || cells[at] === word || cells[at] === `0, or ${word}`),
      );
      return isRight ? [] : [`${name}: expected ${expected.join(' | ')}`];
    });
    expect(wrong).toEqual([]);
  });

  it('has no row for an option that does not exist', () => {
    const known = new Set(tables.flatMap(([, schema]) => Object.keys(schema)));
    expect(rows.filter(({ name }) => !known.has(name)).map(({ name }) => name)).toEqual([]);
  });
});

/** The documentation of an option as an editor shows it on hover. */
interface Hover {
  readonly text: string;
  readonly tags: ReadonlyMap<string, string>;
}

function hoversOf(entry: string): Map<string, Map<string, Hover>> {
  const options = {
    skipLibCheck: true,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
  };
  const program = ts.createProgram([entry], { ...options, target: ts.ScriptTarget.ES2022 });
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(entry);
  const module = source && checker.getSymbolAtLocation(source);
  const found = new Map<string, Map<string, Hover>>();
  for (const exported of module ? checker.getExportsOfModule(module) : []) {
    const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
    if (!SCHEMAS.some(([name]) => name === symbol.name)) continue;
    const members = checker.getDeclaredTypeOfSymbol(symbol).getProperties();
    found.set(symbol.name, new Map(members.map((member) => [member.name, hoverOf(member, checker)])));
  }
  return found;
}

const hoverOf = (member: ts.Symbol, checker: ts.TypeChecker): Hover => ({
  text: ts.displayPartsToString(member.getDocumentationComment(checker)),
  tags: new Map(member.getJsDocTags(checker).map((tag) => [tag.name, ts.displayPartsToString(tag.text)])),
});

describe.each(['esm', 'cjs'])('the types in dist/%s', (format) => {
  let hovers: Map<string, Map<string, Hover>>;

  beforeAll(() => {
    const entry = `${ROOT}dist/${format}/index.d.ts`;
    if (!existsSync(entry)) throw new Error('dist is missing: run `npm run build` first');
    hovers = hoversOf(entry);
  }, 120_000);

  it.each(SCHEMAS)('document every option of %s with its meaning, its default and its bounds', (name, schema) => {
    const members = hovers.get(name) ?? new Map<string, Hover>();
    expect([...members.keys()].toSorted()).toEqual(Object.keys(schema).toSorted());
    const unsaid = Object.entries(schema).flatMap(([option, kind]) => {
      const { text, tags } = members.get(option) as Hover;
      const said: [string, string | undefined, string | undefined][] = [
        ['default', plainDefault(kind), tags.get('default')],
        ['minimum', kind.minimum === undefined ? undefined : figure(kind.minimum), tags.get('minimum')],
        ['maximum', kind.maximum === undefined ? undefined : figure(kind.maximum), tags.get('maximum')],
      ];
      const wrong = said.filter(([, is, told]) => is !== undefined && is !== told).map(([tag]) => `${option}: @${tag}`);
      const isDefaultTold = kind.isRequired || tags.has('default');
      return [
        ...(text.length > 20 ? [] : [`${option}: no text`]),
        ...(isDefaultTold ? [] : [`${option}: @default`]),
        ...wrong,
      ];
    });
    expect(unsaid).toEqual([]);
  });
});
