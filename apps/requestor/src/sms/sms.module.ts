import { Module } from '@nestjs/common';
import { RedisStreamDeadLetters } from 'nestjs-redis-stream-transport';
import { SmsRecords } from '../../../contracts/src/index.js';
import { SETTINGS } from '../settings.js';
import type { RequestorSettings } from '../settings.js';
import { DeadLettersController } from './dead-letters.controller.js';
import { IdempotencyKeys } from './idempotency-keys.js';
import { SmsClientModule } from './sms.client.js';
import { KeyController } from './key.controller.js';
import { SmsController } from './sms.controller.js';
import { SmsDesk } from './sms-desk.js';
import { SmsWatch } from './sms-watch.js';

const deadLetters = {
  provide: RedisStreamDeadLetters,
  inject: [SETTINGS],
  useFactory: (settings: RequestorSettings) =>
    new RedisStreamDeadLetters({
      connection: settings.redisUrl,
      option: { connectTimeout: settings.publishTimeoutMs },
    }),
};

@Module({
  imports: [SmsClientModule],
  controllers: [SmsController, KeyController, DeadLettersController],
  providers: [SmsDesk, SmsWatch, SmsRecords, IdempotencyKeys, deadLetters],
  exports: [SmsClientModule],
})
export class SmsModule {}
