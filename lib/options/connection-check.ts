import { RedisStreamOptionError } from '../errors/option-error.js';
import { assertNoKeyPrefix } from '../redis/redis-client.js';

const CONNECTION_RULE = 'ioredis options, a redis:// URL, { nodes } of a cluster or a factory';
const FACTORY_HINT = '`(options) => new Redis({ ...yours, ...options })`';

/** @throws {RedisStreamOptionError} that says what to write instead, where it recognizes the form of another library */
export function assertConnection(connection: unknown): void {
  if (typeof connection === 'function') return;
  if (typeof connection === 'string') {
    assertUrl(connection);
    return;
  }
  if (typeof connection !== 'object' || connection === null || Array.isArray(connection)) {
    throw new RedisStreamOptionError('connection', CONNECTION_RULE, connection);
  }
  if (isClient(connection)) {
    const rule = `its options, not a client: each role opens its own connection. Or pass a factory, ${FACTORY_HINT}`;
    throw new RedisStreamOptionError('connection', rule, connection);
  }
  const { keyPrefix, nodes, options } = connection as Loose;
  assertOwnForm(connection as Loose);
  if (nodes !== undefined && !(Array.isArray(nodes) && nodes.length > 0)) {
    throw new RedisStreamOptionError('connection.nodes', 'a list of at least one node of the cluster', nodes);
  }
  assertNoKeyPrefix(keyPrefix);
  assertNoKeyPrefix(options?.keyPrefix);
}

interface Loose {
  readonly keyPrefix?: unknown;
  readonly nodes?: unknown;
  readonly options?: { readonly keyPrefix?: unknown };
  readonly [name: string]: unknown;
}

/** Names that other libraries use for the address of Redis. ioredis ignores them and would connect to localhost. */
const FOREIGN_NAMES = ['url', 'uri', 'socket', 'hostname', 'rootNodes', 'startupNodes'];

function assertOwnForm(connection: Loose): void {
  const isCluster = connection.nodes !== undefined;
  for (const name of isCluster ? FOREIGN_NAMES : [...FOREIGN_NAMES, 'options']) {
    if (connection[name] === undefined) continue;
    const rule = "absent: ioredis does not read it. Write `connection: 'redis://host:6379'`, or `host` and `port`";
    throw new RedisStreamOptionError(`connection.${name}`, rule, connection[name], true);
  }
}

function assertUrl(connection: string): void {
  const url = URL.canParse(connection) ? new URL(connection) : undefined;
  if (!url || !/^rediss?:$/.test(url.protocol)) {
    throw new RedisStreamOptionError('connection', CONNECTION_RULE, connection, true);
  }
  assertNoKeyPrefix(url.searchParams.get('keyPrefix'));
}

/** Checks methods, not `instanceof`: the client may come from another copy or major version of ioredis. */
function isClient(connection: object): boolean {
  const { duplicate, disconnect } = connection as { duplicate?: unknown; disconnect?: unknown };
  return typeof disconnect === 'function' && typeof duplicate === 'function';
}
