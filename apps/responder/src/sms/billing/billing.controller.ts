import { Controller, Logger, UsePipes } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { RedisStreamContext } from 'nestjs-redis-stream-transport';
import { BILLING_GROUP, SMS_OK, SmsSent } from '#contracts';
import { eventValidation } from '../../validation.js';
import { onceThereIsMemory } from '../memory-wait.js';
import { Ledger } from './ledger.js';

@Controller()
export class BillingController {
  private readonly logger = new Logger(BillingController.name);

  constructor(private readonly ledger: Ledger) {}

  // Without `<string>` Nest 12 takes the overload for typed event maps, which allows no typed second parameter.
  @EventPattern<string>(SMS_OK, { group: BILLING_GROUP })
  @UsePipes(eventValidation())
  async charge(@Payload() sms: SmsSent, @Ctx() { signal }: RedisStreamContext): Promise<void> {
    const isFirst = await onceThereIsMemory(() => this.ledger.charge(sms), signal);
    // An SMS that is announced twice was sent once.
    if (!isFirst) this.logger.log(`SMS ${sms.uuid} has already been charged`);
  }
}
