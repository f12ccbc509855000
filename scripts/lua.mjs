/**
 * Writes lib/redis/lua.generated.ts from lib/redis/lua/*.lua: a published package has no place to read files from that
 * is the same for ES modules and CommonJS. Run `npm run lua` after a change; a test compares the two by `--print`.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const LUA = fileURLToPath(new URL('../lib/redis/lua', import.meta.url));
const TARGET = fileURLToPath(new URL('../lib/redis/lua.generated.ts', import.meta.url));

/** What a file says without its comments; `-- include x.lua` is replaced with what that file says. */
function load(name) {
  return readFileSync(join(LUA, name), 'utf8')
    .replaceAll(/^-- include (\S+)$/gm, (_, included) => load(included))
    .replaceAll(/^ *--.*\n/gm, '')
    .trim();
}

const constant = (name) =>
  name
    .replace(/\.lua$/, '')
    .replaceAll('-', '_')
    .toUpperCase();

function generate() {
  const names = readdirSync(LUA).filter((name) => name.endsWith('.lua'));
  // What others include is no script of its own.
  const included = new Set(
    names.flatMap((name) =>
      [...readFileSync(join(LUA, name), 'utf8').matchAll(/^-- include (\S+)$/gm)].map((m) => m[1]),
    ),
  );
  const scripts = names
    .filter((name) => !included.has(name))
    .toSorted()
    .map((name) => `export const ${constant(name)} = script(\`\n${escaped(load(name))}\n\`);`);
  return `// Made by \`npm run lua\` from lib/redis/lua/*.lua; change those.\nimport { script } from './script.js';\n\n${scripts.join('\n\n')}\n`;
}

const escaped = (lua) => lua.replaceAll(/[`\\]|\$\{/g, '\\$&');

if (process.argv.includes('--print')) process.stdout.write(generate());
else writeFileSync(TARGET, generate());
