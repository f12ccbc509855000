import { PublishOutcomeUnknownError, PublishRejectedError } from '../errors/transport-errors.js';
import type { RedisStreamError } from '../errors/transport-errors.js';
import { classify, withoutArguments } from '../redis/reply-error.js';

/** The error for the sender of a message; undefined if nothing was sent, so that the message can be sent again. */
export function publishError(stream: string, error: unknown): RedisStreamError | undefined {
  const cause = withoutArguments(error);
  switch (classify(error)) {
    case 'not-sent':
      return undefined;
    case 'lost':
    case 'defect':
      return new PublishOutcomeUnknownError(stream, cause);
    case 'retry':
    case 'reconnect':
      return new PublishRejectedError(stream, cause, true);
    case 'rejoin':
    case 'reject':
    case 'fatal':
      return new PublishRejectedError(stream, cause, false);
  }
}
