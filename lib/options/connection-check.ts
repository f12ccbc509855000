import { RedisStreamOptionError } from '../errors/option-error.js';
import { assertNoKeyPrefix } from '../redis/connection.js';

const CONNECTION_RULE = 'ioredis options, a redis:// URL, { nodes } of a cluster or a factory';

/** @throws {RedisStreamOptionError} */
export function assertConnection(connection: unknown): void {
  if (typeof connection === 'function') return;
  if (typeof connection === 'string') {
    const url = URL.canParse(connection) ? new URL(connection) : undefined;
    if (!url || !/^rediss?:$/.test(url.protocol)) {
      throw new RedisStreamOptionError('connection', CONNECTION_RULE, connection, true);
    }
    assertNoKeyPrefix(url.searchParams.get('keyPrefix'));
    return;
  }
  if (typeof connection !== 'object' || connection === null || Array.isArray(connection)) {
    throw new RedisStreamOptionError('connection', CONNECTION_RULE, connection);
  }
  const { keyPrefix, options } = connection as { keyPrefix?: unknown; options?: { keyPrefix?: unknown } };
  assertNoKeyPrefix(keyPrefix);
  assertNoKeyPrefix(options?.keyPrefix);
}
