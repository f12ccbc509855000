import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import { lockForProcess, runApp } from '#platform';
import { prepareDirectory } from './database-directory.js';
import { readSettings } from './settings.js';
import { SharedSession } from './shared-session.js';

/** How long the app may outlive a parent that was killed. */
const LEAVE_WITHIN_MS = 5_000;

/**
 * Stands in for a Postgres server. It writes a commit to its log before it answers, but does not wait for the disk
 * (fsync is off): acknowledged commits survive a kill of the process, but not a power failure.
 */
await runApp(async () => {
  const { directory, templates, host, port, maxConnections } = readSettings();
  // Two PGlite processes in one directory destroy it.
  await lockForProcess(`${directory}.pid`, {
    waitMs: LEAVE_WITHIN_MS,
    held: (pid) => `${directory} is in use by process ${pid}`,
  });
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
