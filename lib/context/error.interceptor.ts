import { Injectable } from '@nestjs/common';
import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { catchError } from 'rxjs';
import type { Observable } from 'rxjs';
import { sharedByCopies } from '../errors/brand.js';
import { RedisStreamContext } from './redis-stream.context.js';

/** An interceptor from one copy of this package also serves servers of the other copy. */
const use = sharedByCopies('interceptor', () => ({ isMade: false }));

/**
 * Shows the transport the error that a handler threw. Nest's exception filter masks errors before a transport sees
 * them, so without this interceptor `isRetriable` and the dead letter's `x-error` get only "Internal server error".
 *
 * Install it first (`app.useGlobalInterceptors(new RedisStreamErrorInterceptor())`). It rethrows every error unchanged
 * and does not affect other transports.
 */
@Injectable()
export class RedisStreamErrorInterceptor implements NestInterceptor {
  /** Whether an interceptor was created in this process. */
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
