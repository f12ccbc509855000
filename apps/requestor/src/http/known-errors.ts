import { HttpStatus } from '@nestjs/common';
import {
  InvalidMessageError,
  PayloadTooLargeError,
  PublishOutcomeUnknownError,
  PublishRejectedError,
  RedisStreamError,
  RequestTimeoutError,
  TooManyPendingError,
} from 'nestjs-redis-stream-transport';
import type { ErrorAnswer } from '#http';
import { StoreUnavailableError } from '#store';

type ErrorClass = abstract new (...args: never[]) => Error;

/** The first class that an error is an instance of decides. */
const ANSWERS: readonly (readonly [type: ErrorClass, ...answer: ErrorAnswer])[] = [
  [RequestTimeoutError, HttpStatus.GATEWAY_TIMEOUT, 'No responder answered in time'],
  [PayloadTooLargeError, HttpStatus.PAYLOAD_TOO_LARGE, 'The message is larger than this server accepts'],
  [InvalidMessageError, HttpStatus.BAD_REQUEST, 'The message cannot be sent as JSON'],
  [
    PublishOutcomeUnknownError,
    HttpStatus.SERVICE_UNAVAILABLE,
    'Redis did not confirm the message, so it may or may not be stored: repeat the request with the same Idempotency-Key',
  ],
  [PublishRejectedError, HttpStatus.SERVICE_UNAVAILABLE, 'Redis refused the message; nothing was stored'],
  [TooManyPendingError, HttpStatus.SERVICE_UNAVAILABLE, 'Too many requests are in progress; try again later'],
  [RedisStreamError, HttpStatus.SERVICE_UNAVAILABLE, 'Redis does not answer; try again later'],
  [StoreUnavailableError, HttpStatus.SERVICE_UNAVAILABLE, 'Redis does not answer; try again later'],
];

/** What callers read about errors of the transporter and the store. */
export const knownError = (error: unknown): ErrorAnswer | undefined => {
  const found = ANSWERS.find(([type]) => error instanceof type);
  return found && [found[1], found[2]];
};
