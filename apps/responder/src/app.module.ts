import { Module } from '@nestjs/common';
import type { DynamicModule, Type } from '@nestjs/common';
import { StoreModule } from '../../platform/src/store.module.js';
import { BillingModule } from './billing/billing.module.js';
import { DeliveryStatusModule } from './delivery-status/delivery-status.module.js';
import { StreamModule } from './demo/stream.module.js';
import { SettingsModule } from './settings.module.js';
import type { ResponderSettings, Role } from './settings.js';
import { SmsStatusModule } from './sms/sms-status.module.js';
import { SmsWorkerModule } from './sms/sms-worker.module.js';

const MODULE_OF_ROLE: Readonly<Record<Role, Type>> = {
  'sms-worker': SmsWorkerModule,
  billing: BillingModule,
  'delivery-status': DeliveryStatusModule,
};

@Module({})
export class AppModule {
  static with(settings: ResponderSettings): DynamicModule {
    return {
      module: AppModule,
      imports: [
        SettingsModule.of(settings),
        StoreModule.forUrl(settings.redisUrl),
        SmsStatusModule,
        StreamModule,
        ...settings.roles.map((role) => MODULE_OF_ROLE[role]),
      ],
    };
  }
}
