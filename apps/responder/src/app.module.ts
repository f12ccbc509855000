import { Module } from '@nestjs/common';
import type { DynamicModule, Type } from '@nestjs/common';
import { DatabaseModule, StatementsModule } from '#database';
import { SettingsModule } from '#platform';
import { StoreModule } from '#store';
import { BillingModule } from './sms/billing/billing.module.js';
import { CampaignModule } from './campaigns/campaign.module.js';
import { DeliveryStatusModule } from './sms/delivery-status/delivery-status.module.js';
import { StreamModule } from './demo/stream.module.js';
import { EmailModule } from './campaigns/email/email.module.js';
import { NotificationModule } from './campaigns/notification/notification.module.js';
import { SETTINGS } from './settings.js';
import type { ResponderSettings, Role } from './settings.js';
import { SmsStatusModule } from './sms/sms-status.module.js';
import { SmsWorkerModule } from './sms/sms-worker.module.js';
import { UserModule } from './campaigns/users/user.module.js';

const MODULE_OF_ROLE: Readonly<Record<Role, Type>> = {
  'sms-worker': SmsWorkerModule,
  billing: BillingModule,
  'delivery-status': DeliveryStatusModule,
  campaign: CampaignModule,
  user: UserModule,
  notification: NotificationModule,
  email: EmailModule,
};

@Module({})
export class AppModule {
  static with(settings: ResponderSettings): DynamicModule {
    return {
      module: AppModule,
      imports: [
        SettingsModule.of(SETTINGS, settings),
        StoreModule.forUrl(settings.redisUrl),
        ...(settings.databaseUrl === '' ? [] : [DatabaseModule.forUrl(settings.databaseUrl), StatementsModule]),
        SmsStatusModule,
        StreamModule,
        ...settings.roles.map((role) => MODULE_OF_ROLE[role]),
      ],
    };
  }
}
