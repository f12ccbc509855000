import { Environment } from '#platform';

/** One phone number per user: seven digits. */
const MAX_USERS = 9_999_999;

export const readSettings = (env = new Environment()) =>
  env.verified({
    databaseUrl: env.url('DATABASE_URL', ['postgres:', 'postgresql:']),
    /** Users that must exist. Users beyond this number are kept. */
    users: env.integer('USERS', { default: 100_000, max: MAX_USERS }),
  });
