import 'reflect-metadata';
import { ok } from 'node:assert/strict';
import { runChecks } from './checks.js';

/** tsc would compile `import()` to `require()` here, and the checks need both. */
const importModule = new Function('name', 'return import(name)') as (name: string) => Promise<Record<string, unknown>>;

void runChecks([
  [
    'require() gives the CommonJS build',
    () => {
      const path = require.resolve('nestjs-redis-stream-transport');
      ok(path.includes('/dist/cjs/'), path);
      ok(typeof require('nestjs-redis-stream-transport').RedisStreamServer === 'function');
    },
  ],
  [
    'import() gives the ES module build',
    async () => ok(typeof (await importModule('nestjs-redis-stream-transport'))['RedisStreamServer'] === 'function'),
  ],
]);
