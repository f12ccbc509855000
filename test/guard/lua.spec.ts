import { execFileSync } from 'node:child_process';
import { read, ROOT } from './repository.js';

describe('the Lua scripts', () => {
  it('are the same in lib/redis/lua and in the generated source', () => {
    const generated = execFileSync(process.execPath, ['scripts/lua.mjs', '--print'], { cwd: ROOT, encoding: 'utf8' });
    expect(read('lib/redis/lua.generated.ts')).toBe(generated);
  });
});
