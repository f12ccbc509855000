import { Controller, UsePipes } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { NOTIFICATION, NOTIFICATION_GROUP, NotificationPage, SMS_FAIL, SMS_OK, SmsFailed, SmsSent } from '#contracts';
import { Intents } from '../intents/intents.js';
import { eventValidation } from '../../validation.js';
import { Notifier } from './notifier.js';
import { intentOf } from './sms-reference.js';

/** A page becomes hundreds of messages: two pages at a time keep the database busy but leave room for other reads. */
const PAGES_AT_A_TIME = 2;

@Controller()
export class NotificationController {
  constructor(
    private readonly notifier: Notifier,
    private readonly intents: Intents,
  ) {}

  @EventPattern(NOTIFICATION, { group: NOTIFICATION_GROUP, concurrency: PAGES_AT_A_TIME })
  @UsePipes(eventValidation())
  notify(@Payload() page: NotificationPage): Promise<void> {
    return this.notifier.notify(page);
  }

  @EventPattern(SMS_OK, { group: NOTIFICATION_GROUP })
  @UsePipes(eventValidation())
  async sent(@Payload() { reference }: SmsSent): Promise<void> {
    const intent = intentOf(reference);
    if (intent) await this.intents.settle({ ...intent, state: 'sent' });
  }

  @EventPattern(SMS_FAIL, { group: NOTIFICATION_GROUP })
  @UsePipes(eventValidation())
  async failed(@Payload() { reference, reason }: SmsFailed): Promise<void> {
    const intent = intentOf(reference);
    if (intent) await this.intents.settle({ ...intent, state: 'refused', error: reason });
  }
}
