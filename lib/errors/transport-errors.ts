import { brand } from './brand.js';

/** What is known about the message when an error reaches the caller. */
export type Outcome = 'not-stored' | 'unknown' | 'stored';

export interface TransportErrorDetails {
  readonly code: string;
  /** Whether the same call may succeed later, unchanged. */
  readonly retriable: boolean;
  readonly outcome: Outcome;
  /** Never has command arguments: ioredis puts payloads and passwords on its errors. */
  readonly cause?: Error;
}

/** Base class of every error that the transport throws at run time. */
export class RedisStreamError extends Error {
  static {
    brand(this, 'RedisStreamError');
  }

  readonly code: string;
  readonly retriable: boolean;
  readonly outcome: Outcome;

  constructor(message: string, details: TransportErrorDetails) {
    super(message, details.cause && { cause: details.cause });
    this.name = new.target.name;
    this.code = details.code;
    this.retriable = details.retriable;
    this.outcome = details.outcome;
  }
}

/** Redis answered with an error: nothing was stored. */
export class PublishRejectedError extends RedisStreamError {
  static {
    brand(this, 'PublishRejectedError');
  }

  constructor(stream: string, cause: Error, retriable: boolean) {
    super(`Redis refused the message for stream "${stream}": ${cause.message}. Nothing was stored.`, {
      code: 'PUBLISH_REJECTED',
      retriable,
      outcome: 'not-stored',
      cause,
    });
  }
}

/** The connection was lost, or Redis did not answer, after the message was sent: it is stored once or not at all. */
export class PublishOutcomeUnknownError extends RedisStreamError {
  static {
    brand(this, 'PublishOutcomeUnknownError');
  }

  constructor(stream: string, cause: Error) {
    super(
      `The message for stream "${stream}" was sent, but Redis did not confirm it: ${cause.message}. ` +
        'It may or may not be stored; publish it again only if handlers tolerate duplicates.',
      { code: 'PUBLISH_OUTCOME_UNKNOWN', retriable: true, outcome: 'unknown', cause },
    );
  }
}

/**
 * There was no connection to Redis within the time that the call waits, or Redis cannot be used. `cause` is the last
 * error of the connection, if there was one.
 */
export class TransportUnavailableError extends RedisStreamError {
  static {
    brand(this, 'TransportUnavailableError');
  }

  constructor(what: string, cause?: Error, wasToBeStored = false) {
    const why = cause ? `: ${cause.message.replace(/\.$/, '')}` : '';
    super(`${what}${why}.${wasToBeStored ? ' Nothing was stored.' : ''}`, {
      code: 'TRANSPORT_UNAVAILABLE',
      retriable: true,
      outcome: 'not-stored',
      cause,
    });
  }
}

/** The client was closed before the call completed. */
export class TransportClosedError extends RedisStreamError {
  static {
    brand(this, 'TransportClosedError');
  }

  constructor(outcome: Outcome = 'not-stored') {
    super('The Redis stream transport is closed.', { code: 'TRANSPORT_CLOSED', retriable: false, outcome });
  }
}

/** No reply came in time. The request may have been handled nevertheless. */
export class RequestTimeoutError extends RedisStreamError {
  static {
    brand(this, 'RequestTimeoutError');
  }

  constructor(pattern: string, timeoutMs: number) {
    super(`No reply to the request "${pattern}" within ${timeoutMs} ms.`, {
      code: 'REQUEST_TIMEOUT',
      retriable: true,
      outcome: 'unknown',
    });
  }
}

/** Part of a streamed reply is missing, so the caller does not get the rest. */
export class ReplyGapError extends RedisStreamError {
  static {
    brand(this, 'ReplyGapError');
  }

  constructor(pattern: string, expected: number, received: number) {
    super(`A reply to the request "${pattern}" is missing: expected number ${expected}, got ${received}.`, {
      code: 'REPLY_GAP',
      retriable: true,
      outcome: 'stored',
    });
  }
}

/** The handler run that was sending a reply stopped, and another run ended. Two runs do not make one reply. */
export class ReplyInterruptedError extends RedisStreamError {
  static {
    brand(this, 'ReplyInterruptedError');
  }

  constructor(pattern: string) {
    super(
      `The reply to the request "${pattern}" was interrupted: the process that was sending it is gone, and another one handled the request again.`,
      { code: 'REPLY_INTERRUPTED', retriable: true, outcome: 'stored' },
    );
  }
}

/** The caller of a request no longer waits. The handler's `ctx.signal` aborts with this error as its reason. */
export class RequestCancelledError extends RedisStreamError {
  static {
    brand(this, 'RequestCancelledError');
  }

  constructor(what: string) {
    super(`The request was cancelled: ${what}.`, { code: 'REQUEST_CANCELLED', retriable: false, outcome: 'stored' });
  }
}

/** A payload above `maxPayloadBytes`: refused before anything was written. */
export class PayloadTooLargeError extends RedisStreamError {
  static {
    brand(this, 'PayloadTooLargeError');
  }

  constructor(what: string, bytes: number, maxBytes: number, limit = '`maxPayloadBytes`') {
    super(
      `${what}: ${bytes} bytes exceed ${limit} (${maxBytes}). Store the data elsewhere and send a reference to it.`,
      {
        code: 'PAYLOAD_TOO_LARGE',
        retriable: false,
        outcome: 'not-stored',
      },
    );
  }
}

/** `maxPending` requests are already unanswered, or as many messages already wait for a connection. */
export class TooManyPendingError extends RedisStreamError {
  static {
    brand(this, 'TooManyPendingError');
  }

  constructor(maxPending: number) {
    super(`${maxPending} messages are already pending, the limit set by \`maxPending\`. Nothing was stored.`, {
      code: 'TOO_MANY_PENDING',
      retriable: true,
      outcome: 'not-stored',
    });
  }
}

/** A message that cannot be encoded, or a pattern that does not name a stream. */
export class InvalidMessageError extends RedisStreamError {
  static {
    brand(this, 'InvalidMessageError');
  }

  constructor(message: string) {
    super(message, { code: 'INVALID_MESSAGE', retriable: false, outcome: 'not-stored' });
  }
}
