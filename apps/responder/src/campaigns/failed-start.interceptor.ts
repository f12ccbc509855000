import { Injectable, Logger } from '@nestjs/common';
import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { isUUID } from 'class-validator';
import { RedisStreamUnrecoverableError } from 'nestjs-redis-stream-transport';
import type { RedisStreamContext } from 'nestjs-redis-stream-transport';
import type { Observable } from 'rxjs';
import { catchError, throwError } from 'rxjs';
import type { CampaignRequested } from '#contracts';
import { AcceptedCampaigns } from '#store';
import { Campaigns } from './campaigns.js';

/** Each attempt continues where the previous one ended, so many attempts do not mean that the campaign is broken. */
export const MAX_ATTEMPTS = 1_000;

/**
 * Ends a campaign whose start has failed for good. One whose fan-out has begun stays as it is. An interceptor, because
 * it also sees the errors of validation.
 */
@Injectable()
export class FailedStartInterceptor implements NestInterceptor {
  private readonly logger = new Logger(FailedStartInterceptor.name);

  constructor(
    private readonly campaigns: Campaigns,
    private readonly accepted: AcceptedCampaigns,
  ) {}

  intercept(execution: ExecutionContext, next: CallHandler): Observable<unknown> {
    const rpc = execution.switchToRpc();
    const ctx = rpc.getContext<RedisStreamContext>();
    return this.outcome(ctx.getAttempt(), next).pipe(
      catchError(async (error: Error) => {
        // An aborted run has lost its entry to another process, and with it the right to give up on the campaign.
        if (ctx.signal.aborted || !isLast(error, ctx.getAttempt())) throw error;
        await this.fail(rpc.getData<Partial<CampaignRequested> | null>()?.id);
        throw isUnrecoverable(error) ? error : new RedisStreamUnrecoverableError(error.message);
      }),
    );
  }

  private outcome(attempt: number, next: CallHandler): Observable<unknown> {
    if (attempt <= MAX_ATTEMPTS) return next.handle();
    return throwError(() => new RedisStreamUnrecoverableError('Every attempt ended without a result'));
  }

  /** Never throws: the error of the attempt must remain the reason of the dead letter. */
  private async fail(id: unknown): Promise<void> {
    if (!isUUID(id)) return;
    try {
      await this.accepted.fail(id as string);
      await this.campaigns.fail(id as string);
    } catch (error) {
      this.logger.error(`Campaign ${String(id)} cannot be marked as failed: ${(error as Error).message}`);
    }
  }
}

const isUnrecoverable = (error: Error): boolean => error instanceof RedisStreamUnrecoverableError;
const isLast = (error: Error, attempt: number): boolean => isUnrecoverable(error) || attempt >= MAX_ATTEMPTS;
