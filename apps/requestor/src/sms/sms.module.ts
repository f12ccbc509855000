import { Module } from '@nestjs/common';
import { SmsRecords } from '../../../contracts/src/index.js';
import { IdempotencyKeys } from './idempotency-keys.js';
import { SmsClientModule } from './sms.client.js';
import { KeyController } from './key.controller.js';
import { SmsController } from './sms.controller.js';
import { SmsDesk } from './sms-desk.js';
import { SmsWatch } from './sms-watch.js';

@Module({
  imports: [SmsClientModule],
  controllers: [SmsController, KeyController],
  providers: [SmsDesk, SmsWatch, SmsRecords, IdempotencyKeys],
  exports: [SmsClientModule],
})
export class SmsModule {}
