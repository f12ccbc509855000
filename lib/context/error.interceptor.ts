import { Injectable } from '@nestjs/common';
import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { catchError } from 'rxjs';
import type { Observable } from 'rxjs';
import { sharedByCopies } from '../errors/brand.js';
import { RedisStreamContext } from './redis-stream.context.js';

/** One that a copy of this package made serves the servers of the other copy as well. */
const use = sharedByCopies('interceptor', () => ({ isMade: false }));

/**
 * Shows the transport what a handler really threw. Nest's exception filter masks errors before a transport sees them, so
 * without this `isRetriable` and the dead letter's `x-error` know no more than "Internal server error".
 *
 * Install it first (`app.useGlobalInterceptors(new RedisStreamErrorInterceptor())`); it changes nothing for anyone else.
 */
@Injectable()
export class RedisStreamErrorInterceptor implements NestInterceptor {
  /** Whether one was made in this process. */
  static get isInUse(): boolean {
    return use.isMade;
  }

  constructor() {
    use.isMade = true;
  }

  intercept(execution: ExecutionContext, next: CallHandler): Observable<unknown> {
    const context: unknown = execution.getArgs()[1];
    if (!(context instanceof RedisStreamContext)) return next.handle();
    return next.handle().pipe(
      catchError((error: unknown) => {
        context.recordFailure(error);
        throw error;
      }),
    );
  }
}
