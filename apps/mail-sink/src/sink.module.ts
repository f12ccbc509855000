import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { SettingsModule } from '#platform';
import { Journal } from './journal.js';
import { Mailbox } from './mailbox.js';
import { SETTINGS } from './settings.js';
import type { SinkSettings } from './settings.js';
import { SinkController } from './sink.controller.js';
import { SmtpListener } from './smtp-listener.js';

@Module({})
export class SinkModule {
  static with(settings: SinkSettings): DynamicModule {
    const { journal } = settings;
    const mailbox = new Mailbox(journal === undefined ? undefined : new Journal(journal));
    return {
      module: SinkModule,
      imports: [SettingsModule.of(SETTINGS, settings)],
      controllers: [SinkController],
      providers: [SmtpListener, { provide: Mailbox, useValue: mailbox }],
    };
  }
}
