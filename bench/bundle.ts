import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const pathOf = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const OUT = pathOf('../.cache/bench/');

export const PROCESSES = { server: `${OUT}server-process.js`, client: `${OUT}client-process.js` } as const;

/**
 * Bundles the measured processes as plain JavaScript: a compiler in the process would add to its memory and to every
 * start. Packages stay external, this library too, so that the benchmark measures the build that ships.
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
