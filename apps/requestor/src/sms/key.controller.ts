import { Controller, Get, Param } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { isUUID } from 'class-validator';
import type { SmsState } from '#contracts';
import { SmsRecords } from '#store';

export interface KeyAnswer {
  readonly uuid: string;
  readonly value: 'OK' | 'FAIL' | null;
}

const VALUES: Partial<Record<SmsState, 'OK' | 'FAIL'>> = { sent: 'OK', failed: 'FAIL' };

/** The route of an older service, kept for its users. The older service read any key; this one knows only SMS. */
@ApiTags('sms')
@Controller('key')
export class KeyController {
  constructor(private readonly records: SmsRecords) {}

  @Get(':uuid')
  @ApiOperation({ summary: 'OK, FAIL, or null while the SMS is on its way or unknown', deprecated: true })
  @ApiOkResponse({ description: '{uuid, value}' })
  async value(@Param('uuid') uuid: string): Promise<KeyAnswer> {
    const sms = isUUID(uuid) ? await this.records.find(uuid) : undefined;
    return { uuid, value: (sms && VALUES[sms.status]) ?? null };
  }
}
