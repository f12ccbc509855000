import { MigrationExecutor } from 'typeorm';
import type { DataSource } from 'typeorm';

/** Key of the advisory lock. Any number works, as long as every process uses the same one. */
const LOCK = 5_550_100;

/**
 * Runs the pending migrations. A second process waits and then finds nothing to do. The lock belongs to the
 * transaction: PGlite has one session for all connections, so a session lock would exclude no process, but its
 * transactions take turns.
 */
export const migrate = (source: DataSource): Promise<void> =>
  source.transaction(async ({ queryRunner }) => {
    await queryRunner?.query('SELECT pg_advisory_xact_lock($1)', [LOCK]);
    await new MigrationExecutor(source, queryRunner).executePendingMigrations();
  });
