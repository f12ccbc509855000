import { fileURLToPath } from 'node:url';
import { AppProcess } from './app-process.js';
import type { CompiledApps } from './compiled-apps.js';
import type { DataDirectory } from './data-directory.js';

/** Cache of empty databases, one per version of PGlite. */
export const POSTGRES_TEMPLATES = fileURLToPath(new URL('../../.cache/postgres', import.meta.url));

/** PGlite in the demo's own directory, on its own port, in a process of its own: statements block its event loop. */
export const startOwnPostgres = (data: DataDirectory, port: number, compiled: CompiledApps): AppProcess =>
  new AppProcess({
    app: 'postgres',
    compiled,
    env: { PORT: String(port), PGLITE_DIR: data.file('postgres'), PGLITE_TEMPLATES: POSTGRES_TEMPLATES },
  });
