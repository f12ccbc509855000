import { Controller, Logger, UsePipes } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { BILLING_GROUP, SMS_OK, SmsSent } from '#contracts';
import { eventValidation } from '../../validation.js';
import { Ledger } from './ledger.js';

@Controller()
export class BillingController {
  private readonly logger = new Logger(BillingController.name);

  constructor(private readonly ledger: Ledger) {}

  @EventPattern(SMS_OK, { group: BILLING_GROUP })
  @UsePipes(eventValidation())
  async charge(@Payload() sms: SmsSent): Promise<void> {
    // An SMS that is announced twice was sent once.
    if (!(await this.ledger.charge(sms))) this.logger.log(`SMS ${sms.uuid} has already been charged`);
  }
}
