import { MigrationExecutor } from 'typeorm';
import type { DataSource } from 'typeorm';

/** Of the advisory lock. Any number will do; all of us have to take the same. */
const LOCK = 5_550_100;

/**
 * Brings the tables up to date. Whoever comes second waits and then finds nothing to do. The lock belongs to the
 * transaction: PGlite is one session, to which a lock of the session is always free, but its transactions take turns.
 */
export const migrate = (source: DataSource): Promise<void> =>
  source.transaction(async ({ queryRunner }) => {
    await queryRunner?.query('SELECT pg_advisory_xact_lock($1)', [LOCK]);
    await new MigrationExecutor(source, queryRunner).executePendingMigrations();
  });
