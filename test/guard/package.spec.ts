import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { manifest, ROOT } from './repository.js';

interface Packed {
  readonly size: number;
  readonly files: readonly { readonly path: string }[];
}

const MAX_PACKED_BYTES = 110_000;

/** What `npm publish` would upload, without a new build. */
function pack(): Packed {
  const json = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  const [packed] = JSON.parse(json) as Packed[];
  if (!packed) throw new Error('npm pack named no package');
  return packed;
}

const runNode = (...args: string[]): string =>
  execFileSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' }).trim();

describe('the package', () => {
  const { exports, scripts, dependencies, peerDependencies } = manifest();

  beforeAll(() => {
    if (!existsSync(`${ROOT}dist`)) throw new Error('dist is missing: run `npm run build` first');
  });

  it('has one public entry point', () => {
    expect(Object.keys(exports)).toEqual(['.', './package.json']);
  });

  it('exports the same names to import and to require', () => {
    const list = `.then((all) => console.log(Object.keys(all).filter((name) => name !== 'default' && name !== 'module.exports').sort().join()))`;
    const imported = runNode(
      '--input-type=module',
      '-e',
      `import('reflect-metadata').then(() => import('./dist/esm/index.js'))${list}`,
    );
    const required = runNode(
      '--input-type=commonjs',
      '-e',
      `require('reflect-metadata'); Promise.resolve(require('./dist/cjs/index.js'))${list}`,
    );
    expect(imported).toContain('RedisStreamServer');
    expect(required).toBe(imported);
  });

  it('contains the build, the README, the changelog, the license and nothing else', () => {
    const others = pack()
      .files.map((file) => file.path)
      .filter((path) => !/^dist\/(esm|cjs)\/.+\.(js|d\.ts)$/.test(path));
    expect(others.toSorted()).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'dist/cjs/package.json',
      'package.json',
    ]);
  });

  it(`packs into at most ${MAX_PACKED_BYTES} bytes`, () => {
    expect(pack().size).toBeLessThanOrEqual(MAX_PACKED_BYTES);
  });

  it('has one dependency and a fixed set of peers', () => {
    expect(dependencies).toEqual({ uuid: '^11.1.1' });
    expect(peerDependencies).toEqual({
      '@nestjs/common': '^11.0.0 || ^12.0.0',
      '@nestjs/core': '^11.0.0 || ^12.0.0',
      '@nestjs/microservices': '^11.0.0 || ^12.0.0',
      ioredis: '^5.4.1 || ^6.0.0',
      'reflect-metadata': '^0.2.0',
      rxjs: '^7.2.0',
    });
  });

  it('has npm scripts that refer only to existing files and scripts', () => {
    const named = Object.values(scripts).flatMap(
      (script) => script.match(/(?<![\w@/.-])[\w.-]+\/[\w./-]+\.(?:ts|mjs|js|json)/g) ?? [],
    );
    const called = Object.values(scripts).flatMap((script) =>
      [...script.matchAll(/npm run (?:-\S+ )*([\w:-]+)/g)].map(([, name]) => name ?? ''),
    );
    expect(named.filter((path) => !existsSync(ROOT + path))).toEqual([]);
    expect(called.filter((name) => !(name in scripts))).toEqual([]);
  });
});
