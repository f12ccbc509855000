import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { ErrorFilter } from '#http';
import { SettingsModule } from '#platform';
import { StoreModule } from '#store';
import { CampaignModule } from './campaigns/campaign.module.js';
import { DeadLettersModule } from './dead-letters/dead-letters.module.js';
import { StreamModule } from './demo/stream.module.js';
import { knownError } from './http/known-errors.js';
import { HealthController } from './health/health.controller.js';
import { MailsModule } from './campaigns/mails/mails.module.js';
import { MessagingModule } from './messaging/messaging.module.js';
import { SETTINGS } from './settings.js';
import type { RequestorSettings } from './settings.js';
import { SmsModule } from './sms/sms.module.js';
import { UserModule } from './campaigns/users/user.module.js';

@Module({})
export class AppModule {
  static with(settings: RequestorSettings): DynamicModule {
    return {
      module: AppModule,
      imports: [
        SettingsModule.of(SETTINGS, settings),
        StoreModule.forUrl(settings.redisUrl),
        MessagingModule,
        CampaignModule,
        UserModule,
        MailsModule,
        SmsModule,
        DeadLettersModule,
        StreamModule,
      ],
      controllers: [HealthController],
      providers: [{ provide: APP_FILTER, useValue: new ErrorFilter(knownError) }],
    };
  }
}
