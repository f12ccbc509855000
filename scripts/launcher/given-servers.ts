import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { Environment } from '../../apps/shared/platform/environment.js';

const ANSWER_WITHIN_MS = 3_000;

/** Checks the servers that take the place of the demo's own. @throws {Error} that names one which cannot be used */
export const checkGivenServers = async (): Promise<void> => {
  const env = new Environment();
  const { redis, postgres } = env.verified({
    redis: env.optionalUrl('REDIS_URL', ['redis:', 'rediss:']),
    postgres: env.optionalUrl('DATABASE_URL', ['postgres:', 'postgresql:']),
  });
  await Promise.all([
    check('REDIS_URL', redis, '6379', openRedis),
    check('DATABASE_URL', postgres, '5432', openPostgres),
  ]);
};

const check = async (
  variable: string,
  url: string | undefined,
  usualPort: string,
  open: (url: string) => Promise<void>,
): Promise<void> => {
  if (url === undefined) return;
  const { hostname, port } = new URL(url);
  try {
    await Promise.race([open(url), late()]);
  } catch (error) {
    const reason = (error as Error).message || (error as NodeJS.ErrnoException).code;
    throw new Error(`${variable} names a server that cannot be used, ${hostname}:${port || usualPort}: ${reason}`, {
      cause: error,
    });
  }
};

const late = async (): Promise<never> => {
  await delay(ANSWER_WITHIN_MS, undefined, { ref: false });
  throw new Error(`no answer within ${ANSWER_WITHIN_MS / 1_000} s`);
};

const openRedis = async (url: string): Promise<void> => {
  const redis = new Redis(url, { retryStrategy: () => null, maxRetriesPerRequest: 0 });
  await once(redis, 'ready'); // rejects on `error`
  redis.disconnect();
};

const openPostgres = async (url: string): Promise<void> => {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.end();
};
