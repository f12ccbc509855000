import { Catch, HttpStatus, Logger } from '@nestjs/common';
import type { ArgumentsHost, ExceptionFilter } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { PayloadTooLargeError, RedisStreamError, RequestTimeoutError } from 'nestjs-redis-stream-transport';
import { StoreUnavailableError } from '../../platform/src/redis-store.js';

/** Maps failures of Redis, or of the responders behind it, to the HTTP status for the caller. */
@Catch(RedisStreamError, StoreUnavailableError)
export class UnavailableFilter implements ExceptionFilter<RedisStreamError | StoreUnavailableError> {
  private readonly logger = new Logger(UnavailableFilter.name);

  catch(error: RedisStreamError | StoreUnavailableError, host: ArgumentsHost): void {
    const status = statusOf(error);
    this.logger.warn(`${status}: ${error.message}`);
    const response = host.switchToHttp().getResponse<ServerResponse>();
    const body = { statusCode: status, error: error.name, message: error.message };
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }
}

const statusOf = (error: Error): HttpStatus => {
  if (error instanceof RequestTimeoutError) return HttpStatus.GATEWAY_TIMEOUT;
  if (error instanceof PayloadTooLargeError) return HttpStatus.PAYLOAD_TOO_LARGE;
  return HttpStatus.SERVICE_UNAVAILABLE;
};
