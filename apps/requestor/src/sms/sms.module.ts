import { Module } from '@nestjs/common';
import { SmsRecords } from '#store';
import { KeyController } from './key.controller.js';
import { SmsController } from './sms.controller.js';
import { SmsService } from './sms.service.js';
import { SmsWatch } from './sms-watch.js';

@Module({
  controllers: [SmsController, KeyController],
  providers: [SmsService, SmsWatch, SmsRecords],
})
export class SmsModule {}
