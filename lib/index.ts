// Client and server.
export { RedisStreamClient } from './client/redis-stream.client.js';
export { RedisStreamServer } from './server/redis-stream.server.js';
export { REDIS_STREAM_TRANSPORT } from './constants.js';

// What handlers and callers work with.
export { RedisStreamContext } from './context/redis-stream.context.js';
export type { DeliveryDetails } from './context/redis-stream.context.js';
export { RedisStreamErrorInterceptor } from './context/error.interceptor.js';
export { RedisStreamRecord, RedisStreamRecordBuilder } from './record/redis-stream.record.js';
export type { RedisStreamRecordParts } from './record/redis-stream.record.js';

// Dead letters.
export { RedisStreamDeadLetters } from './dead-letters/redis-stream.dead-letters.js';
export type { DeadLetter } from './dead-letters/dead-letter.js';
export type { DeadLetterPage } from './dead-letters/dead-letter-page.js';

// Options.
export type {
  RedisClient,
  RedisClientFactory,
  RedisClusterConnection,
  RedisConnection,
  ConnectionRole,
  SafeRedisOptions,
} from './interfaces/connection.js';
export type {
  Backoff,
  RedisStreamClientOption,
  RedisStreamClientOptions,
  RedisStreamHandlerExtras,
  RedisStreamServerOption,
  RedisStreamServerOptions,
  Retention,
  SharedOption,
} from './options/options.js';

// Events and status.
export type {
  ConnectionListeners,
  EntryAttempt,
  EntryPlace,
  ServerEvents,
  ServerListeners,
  TransportStatus,
} from './interfaces/events.js';

// Errors.
export { RedisStreamOptionError } from './errors/option-error.js';
export {
  InvalidMessageError,
  PayloadTooLargeError,
  PublishOutcomeUnknownError,
  PublishRejectedError,
  RedisStreamError,
  ReplyGapError,
  ReplyInterruptedError,
  RequestCancelledError,
  RequestTimeoutError,
  TooManyPendingError,
  TransportClosedError,
  TransportUnavailableError,
} from './errors/transport-errors.js';
export type { Outcome, TransportErrorDetails } from './errors/transport-errors.js';
export { RedisStreamUnrecoverableError } from './errors/unrecoverable.error.js';
