import { Catch, HttpException, HttpStatus, Logger } from '@nestjs/common';
import type { ArgumentsHost, ExceptionFilter } from '@nestjs/common';
import { STATUS_CODES } from 'node:http';
import type { ServerResponse } from 'node:http';
import {
  InvalidMessageError,
  PayloadTooLargeError,
  PublishOutcomeUnknownError,
  PublishRejectedError,
  RedisStreamError,
  RequestTimeoutError,
  TooManyPendingError,
} from 'nestjs-redis-stream-transport';
import { StoreUnavailableError } from '#store';

/** Body of every response with a status of 400 or more. An exception may add fields, such as `errors`. */
export interface ErrorBody {
  readonly statusCode: number;
  /** Name of the status. */
  readonly error: string;
  /** One sentence. */
  readonly message: string;
}

type ErrorClass = abstract new (...args: never[]) => Error;
type Answer = readonly [status: number, message: string];

const UNEXPECTED: Answer = [HttpStatus.INTERNAL_SERVER_ERROR, 'The server failed; its log says why'];

/** The first class that an error is an instance of decides. */
const ANSWERS: readonly (readonly [type: ErrorClass, ...answer: Answer])[] = [
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

/** Answers every failed request with JSON of one shape. */
@Catch()
export class ErrorFilter implements ExceptionFilter<unknown> {
  private readonly logger = new Logger(ErrorFilter.name);

  catch(error: unknown, host: ArgumentsHost): void {
    const body = bodyFor(error);
    if (!(error instanceof HttpException)) this.report(error, body);
    const response = host.switchToHttp().getResponse<ServerResponse>();
    if (response.headersSent) {
      response.end();
      return;
    }
    const json = JSON.stringify(body);
    response.writeHead(body.statusCode, { 'content-type': 'application/json; charset=utf-8' }).end(json);
  }

  private report(error: unknown, { statusCode }: ErrorBody): void {
    if (statusCode === UNEXPECTED[0]) this.logger.error(error);
    else this.logger.warn(`${statusCode}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/**
 * The texts of `HttpException` are written for callers. Those of any other error are not: they may hold addresses of
 * servers, or parts of a message.
 */
export const bodyFor = (error: unknown): ErrorBody => {
  if (!(error instanceof HttpException)) return named(...answerTo(error));
  const given = error.getResponse();
  const body = named(error.getStatus(), error.message);
  return typeof given === 'string' ? body : { ...body, ...given };
};

const answerTo = (error: unknown): Answer => {
  const found = ANSWERS.find(([type]) => error instanceof type);
  return found ? [found[1], found[2]] : UNEXPECTED;
};

const named = (statusCode: number, message: string): ErrorBody => ({
  statusCode,
  error: STATUS_CODES[statusCode] ?? 'Error',
  message,
});
