import { Catch, HttpException, HttpStatus, Logger } from '@nestjs/common';
import type { ArgumentsHost, ExceptionFilter } from '@nestjs/common';
import { STATUS_CODES } from 'node:http';
import type { ServerResponse } from 'node:http';

/** Body of every response with a status of 400 or more. An exception may add fields, such as `errors`. */
export interface ErrorBody {
  readonly statusCode: number;
  /** Name of the status. */
  readonly error: string;
  /** One sentence. */
  readonly message: string;
}

export type ErrorAnswer = readonly [status: number, message: string];

/** What callers read about the errors that an app knows, besides `HttpException`. */
export type KnownErrors = (error: unknown) => ErrorAnswer | undefined;

const UNEXPECTED: ErrorAnswer = [HttpStatus.INTERNAL_SERVER_ERROR, 'The server failed; its log says why'];

/** Answers every failed request with JSON of one shape. */
@Catch()
export class ErrorFilter implements ExceptionFilter<unknown> {
  private readonly logger = new Logger(ErrorFilter.name);

  constructor(private readonly known?: KnownErrors) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const body = bodyFor(error, this.known);
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
export const bodyFor = (error: unknown, known?: KnownErrors): ErrorBody => {
  if (!(error instanceof HttpException)) return named(...(known?.(error) ?? UNEXPECTED));
  const given = error.getResponse();
  const body = named(error.getStatus(), error.message);
  return typeof given === 'string' ? body : { ...body, ...given };
};

const named = (statusCode: number, message: string): ErrorBody => ({
  statusCode,
  error: STATUS_CODES[statusCode] ?? 'Error',
  message,
});
