import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const pathOf = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const OUT = pathOf('../.cache/bench/');

export const BUNDLED_PROCESS = `${OUT}process.js`;

/**
 * Bundles the measured process as plain JavaScript: a compiler in the process would add to its memory and to every
 * start. Packages stay external, this library too, so that the benchmark measures the build that ships.
 */
export async function bundleProcess(): Promise<void> {
  await build({
    entryPoints: [pathOf('process.ts')],
    outdir: OUT,
    bundle: true,
    packages: 'external',
    // Named too, or the paths of tsconfig.json would win and bundle the sources.
    external: ['nestjs-redis-stream-transport'],
    platform: 'node',
    target: 'node20',
    format: 'esm',
    logLevel: 'warning',
  });
}
