import 'reflect-metadata';
import { ok } from 'node:assert/strict';
import { createRequire } from 'node:module';
import { runChecks } from './checks.js';

const require = createRequire(import.meta.url);

await runChecks([
  [
    'import gives the ES module build',
    () => ok(import.meta.resolve('nestjs-redis-stream-transport').includes('/dist/esm/')),
  ],
  [
    'require() gives the CommonJS build',
    () => {
      const path = require.resolve('nestjs-redis-stream-transport');
      ok(path.includes('/dist/cjs/'), path);
    },
  ],
]);
