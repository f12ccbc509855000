import { Environment } from '#platform';

export const readSettings = (env = new Environment()) =>
  env.verified({
    host: env.text('HOST', '127.0.0.1'),
    port: env.port('PORT', 5499),
    /**
     * Directory of the database; created if missing. No other process may use it at the same time. Not PGDATA: that may
     * be the directory of a real Postgres, which this app would destroy.
     */
    directory: env.text('PGLITE_DIR'),
    /** Directory of empty databases to copy; without it every database is created from scratch. */
    templates: env.optionalText('PGLITE_TEMPLATES'),
    maxConnections: env.integer('MAX_CONNECTIONS', { default: 50, min: 1, max: 1_000 }),
  });
