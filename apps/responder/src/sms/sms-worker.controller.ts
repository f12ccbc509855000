import { Controller, Inject, Logger, UsePipes } from '@nestjs/common';
import type { ClientProxy } from '@nestjs/microservices';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { RedisStreamContext, RedisStreamRecordBuilder } from 'nestjs-redis-stream-transport';
import { lastValueFrom } from 'rxjs';
import { SMS, SMS_FAIL, SMS_OK, SMS_WORKER_GROUP, SmsRequested } from '#contracts';
import type { SmsFailed, SmsSent, SmsStatus } from '#contracts';
import { SmsRecords } from '#store';
import type { Beginning, FailureKind } from '#store';
import { eventValidation } from '../validation.js';
import { SETTINGS } from '../settings.js';
import type { ResponderSettings } from '../settings.js';
import { onceThereIsMemory } from './memory-wait.js';
import { PatientGateway } from './patient-gateway.js';
import { SmsProviderUnreachedError, SmsRefusedError } from './sms-gateway.js';
import { STREAM_CLIENT } from '../stream.client.js';

/**
 * Brings each SMS to a result: `SMS_OK` when the provider accepted it, `SMS_FAIL` when the provider refused it or all
 * attempts are used up. In the latter case the entry also becomes a dead letter, whose redrive grants new attempts. Any
 * other failure is thrown, and the transporter runs the entry again later.
 *
 * The result is recorded before it is announced, and the entry is acked after both. A worker that dies in between
 * leaves the entry to another worker, which finds the record and only announces the result again. So does a worker that
 * comes second, for instance because it was frozen: only a result that was recorded is ever announced.
 */
@Controller()
export class SmsWorkerController {
  private readonly logger = new Logger(SmsWorkerController.name);

  constructor(
    @Inject(STREAM_CLIENT) private readonly client: ClientProxy,
    @Inject(SETTINGS) private readonly settings: ResponderSettings,
    private readonly gateway: PatientGateway,
    private readonly records: SmsRecords,
  ) {}

  // Without `<string>` Nest 12 takes the overload for typed event maps, which allows no typed second parameter.
  @EventPattern<string>(SMS, { group: SMS_WORKER_GROUP })
  @UsePipes(eventValidation())
  async send(@Payload() sms: SmsRequested, @Ctx() ctx: RedisStreamContext): Promise<void> {
    const { signal } = ctx;
    const begin = (): Promise<Beginning> => this.records.begin(sms, ctx.getEntryId(), ctx.getAttempt());
    const beginning = await onceThereIsMemory(begin, signal);
    if (beginning === 'duplicate') return;
    if (beginning === 'run') await this.bringToAResult(sms, ctx);
    const result = await onceThereIsMemory(() => this.announceResult(sms), signal);
    if (result?.status === 'failed' && (await this.records.isExhausted(sms.uuid))) ctx.deadLetter(result.error ?? '');
  }

  private async bringToAResult(sms: SmsRequested, ctx: RedisStreamContext): Promise<void> {
    const outcome = await this.gateway.send(sms, ctx.signal).catch((error: Error) => error);
    const at = new Date().toISOString();
    const attempt = ctx.getAttempt();
    if (typeof outcome === 'string') {
      const sent = { ...identityOf(sms), providerMessageId: outcome, attempt, at };
      await onceThereIsMemory(() => this.records.markSent(sent), ctx.signal);
      return;
    }
    if (!this.isOver(outcome, ctx)) throw outcome;
    const failed = { ...identityOf(sms), reason: outcome.message, attempts: attempt, at };
    const kind: FailureKind = outcome instanceof SmsRefusedError ? 'refused' : 'exhausted';
    if (await onceThereIsMemory(() => this.records.markFailed(failed, kind), ctx.signal)) {
      this.logger.warn(`SMS ${sms.uuid} failed: ${outcome.message}`);
    }
  }

  /** An aborted run has lost its entry to another worker, and with it the right to give up on the SMS. */
  private isOver(error: Error, ctx: RedisStreamContext): boolean {
    if (ctx.signal.aborted || error instanceof SmsProviderUnreachedError) return false;
    return error instanceof SmsRefusedError || ctx.getAttempt() >= this.settings.maxAttempts;
  }

  /** @returns the result */
  private async announceResult(sms: SmsRequested): Promise<SmsStatus | undefined> {
    const record = await this.records.find(sms.uuid);
    if (!record) return undefined;
    const { status, attempts, providerMessageId = '', error = '', updatedAt: at } = record;
    const identity = identityOf(sms);
    if (status === 'sent') await this.announce(SMS_OK, { ...identity, providerMessageId, attempt: attempts, at });
    if (status === 'failed') await this.announce(SMS_FAIL, { ...identity, reason: error, attempts, at });
    return record;
  }

  private async announce(pattern: string, event: SmsSent | SmsFailed): Promise<void> {
    const message = new RedisStreamRecordBuilder(event).setMessageId(event.uuid).build();
    await lastValueFrom(this.client.emit(pattern, message), { defaultValue: undefined });
  }
}

const identityOf = ({ uuid, number, reference }: SmsRequested): Pick<SmsRequested, 'uuid' | 'number' | 'reference'> =>
  reference === undefined ? { uuid, number } : { uuid, number, reference };
