import { Module } from '@nestjs/common';
import type { OnApplicationShutdown } from '@nestjs/common';
import { IntentsModule } from '../intents/intents.module.js';
import { SETTINGS } from '../../settings.js';
import type { ResponderSettings } from '../../settings.js';
import { EmailController } from './email.controller.js';
import { Mailer } from './mailer.js';

const pooledMailer = {
  provide: Mailer,
  inject: [SETTINGS],
  useFactory: ({ smtpUrl, mailFrom, mailConnections }: ResponderSettings) =>
    new Mailer({ url: smtpUrl, from: mailFrom, maxConnections: mailConnections }),
};

@Module({ imports: [IntentsModule], controllers: [EmailController], providers: [pooledMailer] })
export class EmailModule implements OnApplicationShutdown {
  constructor(private readonly mailer: Mailer) {}

  /** By then Nest has closed the transporter, and with it all handlers. */
  onApplicationShutdown(): void {
    this.mailer.close();
  }
}
