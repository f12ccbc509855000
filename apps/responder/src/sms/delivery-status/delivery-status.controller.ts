import { Controller, UsePipes } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { RedisStreamContext } from 'nestjs-redis-stream-transport';
import { DELIVERY_STATUS_GROUP, SMS_FAIL, SmsFailed } from '#contracts';
import { SmsRecords } from '#store';
import { eventValidation } from '../../validation.js';
import { onceThereIsMemory } from '../memory-wait.js';
import { FailureJournal } from './failure-journal.js';

@Controller()
export class DeliveryStatusController {
  constructor(
    private readonly records: SmsRecords,
    private readonly failures: FailureJournal,
  ) {}

  // Without `<string>` Nest 12 takes the overload for typed event maps, which allows no typed second parameter.
  @EventPattern<string>(SMS_FAIL, { group: DELIVERY_STATUS_GROUP })
  @UsePipes(eventValidation())
  async record(@Payload() sms: SmsFailed, @Ctx() { signal }: RedisStreamContext): Promise<void> {
    await onceThereIsMemory(() => this.failures.note(sms), signal);
    // The role `sms-worker` has done this already; another producer of the event has not.
    await onceThereIsMemory(() => this.records.markFailed(sms, 'foreign'), signal);
  }
}
