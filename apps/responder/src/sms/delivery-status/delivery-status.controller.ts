import { Controller, UsePipes } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { DELIVERY_STATUS_GROUP, SMS_FAIL, SmsFailed } from '#contracts';
import { SmsRecords } from '#store';
import { eventValidation } from '../../validation.js';
import { FailureJournal } from './failure-journal.js';

@Controller()
export class DeliveryStatusController {
  constructor(
    private readonly records: SmsRecords,
    private readonly failures: FailureJournal,
  ) {}

  @EventPattern(SMS_FAIL, { group: DELIVERY_STATUS_GROUP })
  @UsePipes(eventValidation())
  async record(@Payload() sms: SmsFailed): Promise<void> {
    await this.failures.note(sms);
    // The role `sms-worker` has done this already; another producer of the event has not.
    await this.records.markFailed(sms);
  }
}
