import { filesIn, read } from './repository.js';

// What the sources may import and contain is in .oxlintrc.json. The one thing that the linter cannot forbid:
describe('the sources of the library', () => {
  it.each(filesIn('lib', '.ts'))('do not silence the linter: %s', (path) => {
    expect(read(path)).not.toMatch(/(ox|es)lint-disable/);
  });
});
