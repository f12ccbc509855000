import { Environment } from '#platform';

export interface DatabaseSettings {
  readonly databaseUrl: string;
  /** Users that must exist. Users beyond this number are kept. */
  readonly users: number;
}

/** One phone number per user. */
const MAX_USERS = 10_000_000;

export const readSettings = (env = new Environment()): DatabaseSettings => {
  const settings: DatabaseSettings = {
    databaseUrl: env.url('DATABASE_URL', ['postgres:', 'postgresql:']),
    users: env.integer('USERS', { default: 100_000, max: MAX_USERS }),
  };
  env.verify();
  return settings;
};
