import { Module } from '@nestjs/common';
import { SmsRecords } from '#store';
import { KeyController } from './key.controller.js';
import { SmsController } from './sms.controller.js';
import { SmsDesk } from './sms-desk.js';
import { SmsWatch } from './sms-watch.js';

@Module({
  controllers: [SmsController, KeyController],
  providers: [SmsDesk, SmsWatch, SmsRecords],
})
export class SmsModule {}
