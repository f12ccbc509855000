import { Injectable } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { SMS, SMS_STATUS } from '#contracts';
import type { SmsRequested, SmsStatus } from '#contracts';
import { SmsRecords } from '#store';
import { Acceptance } from '../messaging/acceptance.js';
import type { MessageKind } from '../messaging/acceptance.js';
import { Responders } from '../messaging/responders.js';

/** Accepts SMS and reports their status. */
@Injectable()
export class SmsService {
  private readonly kind: MessageKind<SmsRequested>;

  constructor(
    private readonly acceptance: Acceptance,
    private readonly responders: Responders,
    records: SmsRecords,
  ) {
    this.kind = {
      stream: SMS,
      scope: 'sms',
      idOf: ({ uuid }) => uuid,
      draftOf: ({ number, text }) => ({ number, text }),
      note: (sms) => records.accept(sms),
    };
  }

  accept(number: string, text: string, idempotencyKey: string | undefined): Promise<SmsRequested> {
    return this.acceptance.accept(this.kind, { uuid: randomUUID(), number, text }, idempotencyKey);
  }

  status(uuid: string): Promise<SmsStatus | undefined> {
    return this.responders.ask(SMS_STATUS, { uuid });
  }
}
