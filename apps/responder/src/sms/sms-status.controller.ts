import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { isUUID } from 'class-validator';
import { SMS_STATUS } from '#contracts';
import type { SmsStatus } from '#contracts';
import { SmsRecords } from '#store';

/** Answers with the status of an SMS; null for an SMS that was never accepted. */
@Controller()
export class SmsStatusController {
  constructor(private readonly records: SmsRecords) {}

  @MessagePattern(SMS_STATUS)
  async status(@Payload('uuid') uuid: unknown): Promise<SmsStatus | null> {
    return (isUUID(uuid) ? await this.records.find(uuid as string) : undefined) ?? null;
  }
}
