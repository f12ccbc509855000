import { existsSync } from 'node:fs';
import { dirname, posix } from 'node:path';
import { compileAll, type Complaints } from '../types/compiler.js';
import { filesIn, manifest, read, ROOT } from './repository.js';

const DOCUMENTS = ['README.md', ...filesIn('docs', '.md')];
const MAX_README_LINES = 200;

/** Every ```ts fence, keyed by document and line. Each must compile as a module of its own. */
function snippets(): Map<string, string> {
  const found = new Map<string, string>();
  for (const path of DOCUMENTS) {
    const text = read(path);
    for (const match of text.matchAll(/^```ts\n(.*?)^```$/gms)) {
      const line = text.slice(0, match.index).split('\n').length;
      found.set(`${path}:${line}`, `${match[1] ?? ''}\nexport {};\n`);
    }
  }
  return found;
}

function brokenLinks(path: string): string[] {
  const targets = [...read(path).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target ?? '');
  return targets
    .filter((target) => !/^(https?:|mailto:|#)/.test(target))
    .filter((target) => !existsSync(ROOT + posix.join(dirname(path), target.split('#')[0] ?? '')));
}

describe('the documents', () => {
  const found = snippets();
  let complaints: ReadonlyMap<string, Complaints>;

  beforeAll(() => {
    complaints = compileAll(found);
  }, 120_000);

  it.each([...found.keys()])('contain code that compiles: %s', (place) => {
    expect(complaints.get(place)).toEqual([]);
  });

  // A declaration without a value compiles and then throws when the example runs.
  it.each([...found.entries()])('contain code that declares nothing it does not have: %s', (_place, code) => {
    expect(code).not.toMatch(/^\s*(export )?declare /m);
  });

  it('contain at least two code examples', () => {
    expect(found.size).toBeGreaterThanOrEqual(2);
  });

  it.each(DOCUMENTS)('link to files that exist: %s', (path) => {
    expect(brokenLinks(path)).toEqual([]);
  });

  it('quote the start command and the test command verbatim', () => {
    expect(read('README.md')).toContain('npm install && npm start\n');
    expect(read('README.md')).toContain('npm install && npm test\n');
  });

  it('include a README that is short enough to read to the end', () => {
    expect(read('README.md').split('\n').length).toBeLessThanOrEqual(MAX_README_LINES);
  });

  it('list the changes of the current version in the changelog', () => {
    const { version } = manifest();
    const entry = read('CHANGELOG.md')
      .split(/^## /m)
      .find((part) => part.startsWith(`[${version}]`));
    expect(entry).toMatch(/^- /m);
  });
});
