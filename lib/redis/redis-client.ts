import { Cluster, Redis } from 'ioredis';
import type { ClusterOptions, RedisOptions } from 'ioredis';
import { RedisStreamOptionError } from '../errors/option-error.js';
import type { ConnectionRole, RedisClient, RedisClusterConnection, RedisConnection } from '../interfaces/connection.js';
import { isMasterLost } from './reply-error.js';

const CONNECT_TIMEOUT_MS = 5_000;
const MAX_RECONNECT_DELAY_MS = 1_000;
/** A socket on which an answer is missing for this long is dead. */
const SOCKET_TIMEOUT_MS = 10_000;
/** The same for blocking reads, in addition to BLOCK. */
const BLOCKING_GRACE_MS = 5_000;
/** A subscriber waits for no answers, so only the operating system can detect that its peer has vanished. */
const CONTROL_KEEP_ALIVE_MS = 10_000;
/** A cluster client asks one node after the other who serves which slots, and waits this long for each at first. */
const SLOTS_TIMEOUT_MS = 500;
/** How long to wait for a peer that does not answer the end of a connection. */
export const CLOSE_TIMEOUT_MS = 500;

/** Clients that have a role. With two roles, the blocking reads of a client would delay all of its writes. */
const taken = new WeakSet<RedisClient>();

export function openClient(source: RedisConnection, role: ConnectionRole, blockMs: number): RedisClient {
  const safe = safeOptions(role, blockMs);
  const client = makeClient(source, role, safe);
  assertNoKeyPrefix(client.options.keyPrefix);
  if (taken.has(client)) {
    const rule = 'a factory that creates a new client for each call: each role needs its own connection';
    throw new RedisStreamOptionError('connection', rule, client);
  }
  taken.add(client);
  clearLeftTimeouts(client);
  if ('nodes' in client) passHungNodes(client);
  return client;
}

function makeClient(source: RedisConnection, role: ConnectionRole, safe: RedisOptions): RedisClient {
  if (typeof source === 'function') return source(safe, role);
  if (typeof source === 'string') return new Redis(urlWithout(safe, source), safe);
  if (isClusterConnection(source)) {
    const nodes = source.nodes.map((node) => (typeof node === 'string' ? urlWithout(safe, node) : node));
    return new Cluster(nodes, clusterOptions(source.options, safe));
  }
  return new Redis({
    connectTimeout: CONNECT_TIMEOUT_MS,
    ...source,
    ...safe,
    ...(source.sentinels && { failoverDetector: true }),
  });
}

/** In ioredis the query of a URL overrides options, so `?maxRetriesPerRequest=20` would send messages twice. */
function urlWithout(safe: RedisOptions, source: string): string {
  if (!source.includes('?') || !URL.canParse(source)) return source;
  const url = new URL(source);
  for (const name of Object.keys(safe)) url.searchParams.delete(name);
  return url.href;
}

/**
 * The options without which ioredis sends commands twice, hangs or hides failures. With them, every command settles
 * when its socket closes at the latest, nothing is sent twice, and a dead socket is detected.
 *
 * `autoResendUnfulfilledCommands: false` looks like the way to "nothing is sent twice", but leaves the commands in
 * flight unsettled forever (ioredis #2193); with 0 retries, `true` rejects each of them at once.
 */
function safeOptions(role: ConnectionRole, blockMs: number): RedisOptions {
  return {
    lazyConnect: true,
    enableOfflineQueue: false,
    enableAutoPipelining: false,
    // ioredis would resubscribe in a promise without a handler: losing the socket meanwhile would end the process.
    autoResubscribe: false,
    autoResendUnfulfilledCommands: true,
    maxRetriesPerRequest: 0,
    disconnectTimeout: CLOSE_TIMEOUT_MS,
    retryStrategy: reconnectDelay,
    reconnectOnError: isMasterLost,
    connectionName: `nestjs-redis-stream:${role}`,
    ...timeouts(role, blockMs),
    // ioredis 6 only: maps become objects under 'resp3', arrays under 'legacy' as in ioredis 5.
    ...({ replyMapping: 'legacy' } as RedisOptions),
  };
}

/** A `commandTimeout` of the user would abort commands that are meant to block. */
function timeouts(role: ConnectionRole, blockMs: number): RedisOptions {
  switch (role) {
    case 'control':
      return { commandTimeout: undefined, socketTimeout: undefined, keepAlive: CONTROL_KEEP_ALIVE_MS };
    case 'reader':
    case 'inbox':
      return { commandTimeout: undefined, socketTimeout: blockMs + BLOCKING_GRACE_MS };
    case 'writer':
    case 'publisher':
      return { socketTimeout: SOCKET_TIMEOUT_MS };
  }
}

/**
 * As `safeOptions`, except for the queue: ioredis connects to a node on the first command for it, and would refuse the
 * commands that come meanwhile. Commands in the queue have not been sent, and fail if the node cannot be reached.
 */
function clusterOptions(options: ClusterOptions | undefined, safe: RedisOptions): ClusterOptions {
  return {
    ...options,
    lazyConnect: true,
    enableOfflineQueue: true,
    retryDelayOnFailover: 0,
    scaleReads: 'master',
    clusterRetryStrategy: reconnectDelay,
    redisOptions: {
      connectTimeout: CONNECT_TIMEOUT_MS,
      ...options?.redisOptions,
      ...safe,
      // The cluster client follows MOVED by itself. Closing the connection would lose the other commands on it.
      reconnectOnError: null,
    },
  };
}

/** Doubles from 50 ms to a second, with jitter, so that instances do not all reconnect at the same time. */
export function reconnectDelay(attempt: number): number {
  const ceiling = Math.min(MAX_RECONNECT_DELAY_MS, 50 * 2 ** Math.min(attempt - 1, 10));
  return Math.round(ceiling * (0.75 + Math.random() * 0.5));
}

export function isClusterConnection(source: RedisConnection): source is RedisClusterConnection {
  return typeof source === 'object' && 'nodes' in source && Array.isArray(source.nodes);
}

/** Refused because ioredis 5 and 6 apply it differently, and replies still have the prefixed names. */
export function assertNoKeyPrefix(keyPrefix: unknown): void {
  if (keyPrefix !== undefined && keyPrefix !== null && keyPrefix !== '') {
    throw new RedisStreamOptionError('connection.keyPrefix', 'absent; use `option.prefix` on both sides', keyPrefix);
  }
}

/**
 * Keeps a node that hangs from holding up a client that connects to its cluster. ioredis would ask one random node
 * whether the cluster is up, without a limit; but a node that cannot serve a slot says so to each command, and the others
 * can be used. The time for who serves which slots is doubled while no node answers, for links that are slow.
 */
function passHungNodes(client: Cluster): void {
  const { options } = client;
  options.enableReadyCheck = false;
  options.slotsRefreshTimeout = SLOTS_TIMEOUT_MS;
  client.on('ready', () => (options.slotsRefreshTimeout = SLOTS_TIMEOUT_MS));
  client.on('reconnecting', () => {
    options.slotsRefreshTimeout = Math.min(2 * (options.slotsRefreshTimeout ?? 0), CONNECT_TIMEOUT_MS);
  });
}

const LEFT_TIMER = 'socketTimeoutTimer';

/**
 * ioredis 5 leaves the timer of `socketTimeout` running when a socket is lost: it would end the next, healthy socket,
 * and keep the process from exiting after `close()`.
 */
function clearLeftTimeouts(client: RedisClient): void {
  if ('nodes' in client) client.on('+node', clearLeftTimeouts);
  else client.on('close', () => clearLeftTimeout(client));
}

function clearLeftTimeout(client: Redis): void {
  clearTimeout(Reflect.get(client, LEFT_TIMER) as NodeJS.Timeout | undefined);
  Reflect.set(client, LEFT_TIMER, undefined);
}
