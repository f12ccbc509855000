import { Module } from '@nestjs/common';
import type { DynamicModule, Type } from '@nestjs/common';
import { StoreModule } from '../../platform/src/store.module.js';
import { DatabaseModule } from '../../database/src/database.module.js';
import { BillingModule } from './billing/billing.module.js';
import { CampaignModule } from './campaign/campaign.module.js';
import { StatementsModule } from './database/statements.module.js';
import { DeliveryStatusModule } from './delivery-status/delivery-status.module.js';
import { StreamModule } from './demo/stream.module.js';
import { EmailModule } from './email/email.module.js';
import { NotificationModule } from './notification/notification.module.js';
import { SettingsModule } from './settings.module.js';
import type { ResponderSettings, Role } from './settings.js';
import { SmsStatusModule } from './sms/sms-status.module.js';
import { SmsWorkerModule } from './sms/sms-worker.module.js';
import { UserModule } from './user/user.module.js';

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
        SettingsModule.of(settings),
        StoreModule.forUrl(settings.redisUrl),
        ...(settings.databaseUrl === '' ? [] : [DatabaseModule.forUrl(settings.databaseUrl), StatementsModule]),
        SmsStatusModule,
        StreamModule,
        ...settings.roles.map((role) => MODULE_OF_ROLE[role]),
      ],
    };
  }
}
