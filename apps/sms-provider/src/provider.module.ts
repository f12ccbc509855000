import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { SettingsModule } from '#platform';
import { Outbox } from './outbox.js';
import { ProviderController } from './provider.controller.js';
import { SETTINGS } from './settings.js';
import type { ProviderSettings } from './settings.js';

@Module({})
export class ProviderModule {
  static with(settings: ProviderSettings): DynamicModule {
    return {
      module: ProviderModule,
      imports: [SettingsModule.of(SETTINGS, settings)],
      controllers: [ProviderController],
      providers: [{ provide: Outbox, useValue: new Outbox(settings.journal) }],
    };
  }
}
