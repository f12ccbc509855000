import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const pathOf = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const OUT = pathOf('../.cache/bench/');

export const PROCESSES = { server: `${OUT}server-process.js`, client: `${OUT}client-process.js` } as const;

/**
 * Makes plain JavaScript of what the measured processes run. A compiler in the process would be in its memory, and in
 * every start. Packages stay outside, this library too: what is measured is the build that ships.
 */
export async function bundleProcesses(): Promise<void> {
  await build({
    entryPoints: [pathOf('server-process.ts'), pathOf('client-process.ts')],
    outdir: OUT,
    bundle: true,
    splitting: true,
    packages: 'external',
    external: ['nestjs-redis-stream-transport', 'nestjs-redis-stream-transport-baseline'],
    platform: 'node',
    target: 'node20',
    format: 'esm',
    logLevel: 'warning',
  });
}
