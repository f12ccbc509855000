/**
 * `transportId` of the server: binds a handler to this transport (`@EventPattern('x', REDIS_STREAM_TRANSPORT)`). Every
 * copy of this package uses the same symbol.
 */
export const REDIS_STREAM_TRANSPORT = Symbol.for('nestjs-redis-stream-transport');

/** Nest's error text for a request without a handler. Nest does not export its constant from the package root. */
export const NO_MESSAGE_HANDLER = 'There is no matching message handler defined in the remote service.';

// Limits that are not options.
/** Deeper JSON is refused: `JSON.parse` reads it, but `JSON.stringify` of the result throws a RangeError. */
export const MAX_JSON_DEPTH = 64;
/** Client and server refuse longer patterns. */
export const MAX_PATTERN_BYTES = 1_024;
/** Maximum size of the headers of one message, as JSON. */
export const MAX_HEADERS_BYTES = 65_536;
/** How long a request waits on a stream that no consumer group reads before the client answers "no handler". */
export const UNSERVED_GRACE_MS = 500;
/**
 * The same for a stream that a group has read before: after FLUSHALL or a failover its servers create the group again, but not
 * before they have reconnected.
 */
export const LOST_GROUP_GRACE_MS = 5_000;
/** How long one read of a reply stream blocks. */
export const INBOX_BLOCK_MS = 5_000;
/** How long the reply stream of a client that died is kept. */
export const REPLY_STREAM_TTL_MS = 60_000;
/** Entries per slot of a lane that may wait for a retry or for settlement; beyond that, reading pauses. */
export const MAX_BACKLOG_PER_SLOT = 64;
/** Bytes of replies in one lane that may wait to be written; beyond that, reading pauses. */
export const MAX_BACKLOG_BYTES = 67_108_864;
/** Values of one reply that may wait to be written; beyond that, the reply fails. */
export const MAX_WAITING_REPLY_PARTS = 10_000;
/** The same in bytes: four payloads of the default size. */
export const MAX_WAITING_REPLY_BYTES = 4_194_304;

/** Names of the fields of an entry (wire version 1). */
export const FIELD = {
  data: 'data',
  id: 'id',
  reply: 'reply',
  ttl: 'ttl',
  headers: 'headers',
  messageId: 'mid',
  onlyGroup: 'x-only-group',
  seq: 'seq',
  err: 'err',
  last: 'last',
  run: 'run',
  redriven: 'x-redriven',
} as const;

/** Field that marks entries of the transporter `nestjs-redis-stream-microservice`. */
export const EARLIER_HEADER = 'x-nestjs-redis-stream-header';

/** Prefix for a field of the original entry that has the name of a dead-letter field. */
export const OWN_FIELD = 'x-own:';

/** Fields that a dead letter has in addition to those of the original entry. */
export const DEAD_FIELD = {
  stream: 'x-stream',
  group: 'x-group',
  id: 'x-id',
  attempts: 'x-attempts',
  reason: 'x-reason',
  error: 'x-error',
  failedAt: 'x-failed-at',
} as const;
