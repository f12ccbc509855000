/**
 * `transportId` of the server: binds a handler to this transport (`@EventPattern('x', REDIS_STREAM_TRANSPORT)`). The same
 * symbol in every copy of this package.
 */
export const REDIS_STREAM_TRANSPORT = Symbol.for('nestjs-redis-stream-transport');

/** The text with which Nest answers a request that has no handler; its own constant is not exported from the root. */
export const NO_MESSAGE_HANDLER = 'There is no matching message handler defined in the remote service.';

// Limits that are not options.
/** Deeper JSON is refused: `JSON.parse` reads it, but `JSON.stringify` of the result throws RangeError. */
export const MAX_JSON_DEPTH = 64;
/** Longer stream names are refused on both sides. */
export const MAX_PATTERN_BYTES = 1_024;
/** Headers of one message, as JSON. */
export const MAX_HEADERS_BYTES = 65_536;
/** How long a client lets a request wait on a stream that no consumer group reads before it answers "no handler". */
export const UNSERVED_GRACE_MS = 500;
/** How long one read of a reply stream waits. */
export const INBOX_BLOCK_MS = 5_000;
/** A reply stream outlives a client that died by this long. */
export const REPLY_STREAM_TTL_MS = 60_000;
/** Entries that wait for a retry or for their settlement, by the slots of their lane; beyond that reading pauses. */
export const MAX_BACKLOG_PER_SLOT = 64;
/** Bytes of replies that may wait in one lane for Redis to take them; beyond that reading pauses. */
export const MAX_BACKLOG_BYTES = 67_108_864;
/** Values of one reply that may wait to be written; beyond that the reply fails. */
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

/** Field by which entries of the transporter `nestjs-redis-stream-microservice` are recognised. */
export const EARLIER_HEADER = 'x-nestjs-redis-stream-header';

/** In front of a field of an event that has the name of one of a dead letter's fields. */
export const OWN_FIELD = 'x-own:';

/** Fields that a dead letter carries on top of those of the original entry. */
export const DEAD_FIELD = {
  stream: 'x-stream',
  group: 'x-group',
  id: 'x-id',
  attempts: 'x-attempts',
  reason: 'x-reason',
  error: 'x-error',
  failedAt: 'x-failed-at',
} as const;
