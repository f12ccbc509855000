import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import { runApp } from '#platform';
import { prepareDirectory } from './database-directory.js';
import { claimDirectory } from './directory-owner.js';
import { readSettings } from './settings.js';
import { SharedSession } from './shared-session.js';

/**
 * Stands in for a Postgres server. It writes a commit to its log before it answers, but does not wait for the disk
 * (fsync is off): acknowledged commits survive a kill of the process, but not a power failure.
 */
await runApp(async () => {
  const { directory, templates, host, port, maxConnections } = readSettings();
  await claimDirectory(directory);
  await prepareDirectory(directory, templates);
  const db = new SharedSession(directory);
  const server = new PGLiteSocketServer({ db, host, port, maxConnections });
  await server.start();
  console.log(`PGlite on postgres://${host}:${port}, in ${directory}`);

  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= server.stop().then(() => db.close()));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void close().finally(() => process.exit(0)));
  }
  return { close };
});
