import { Environment } from '../../platform/src/environment.js';

export interface PostgresSettings {
  readonly host: string;
  readonly port: number;
  /** Where the database is kept; created if missing. No other process may use it meanwhile. */
  readonly directory: string;
  /** Where empty databases are kept to be copied; without it each is made anew. */
  readonly templates: string | undefined;
  readonly maxConnections: number;
}

export const readSettings = (env = new Environment()): PostgresSettings => {
  const settings: PostgresSettings = {
    host: env.text('HOST', '127.0.0.1'),
    port: env.port('PORT', 5499),
    // Not PGDATA: that may name the directory of a real Postgres, which would not survive this one.
    directory: env.text('PGLITE_DIR'),
    templates: env.optionalText('PGLITE_TEMPLATES'),
    maxConnections: env.integer('MAX_CONNECTIONS', { default: 50, min: 1, max: 1_000 }),
  };
  env.verify();
  return settings;
};
