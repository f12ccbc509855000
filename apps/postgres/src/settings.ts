import { Environment } from '#platform';

export interface PostgresSettings {
  readonly host: string;
  readonly port: number;
  /** Directory of the database; created if missing. No other process may use it at the same time. */
  readonly directory: string;
  /** Directory of empty databases to copy; without it every database is created from scratch. */
  readonly templates: string | undefined;
  readonly maxConnections: number;
}

export const readSettings = (env = new Environment()): PostgresSettings => {
  const settings: PostgresSettings = {
    host: env.text('HOST', '127.0.0.1'),
    port: env.port('PORT', 5499),
    // Not PGDATA: that may be the directory of a real Postgres, which this app would destroy.
    directory: env.text('PGLITE_DIR'),
    templates: env.optionalText('PGLITE_TEMPLATES'),
    maxConnections: env.integer('MAX_CONNECTIONS', { default: 50, min: 1, max: 1_000 }),
  };
  env.verify();
  return settings;
};
