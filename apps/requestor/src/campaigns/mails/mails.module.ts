import { Module } from '@nestjs/common';
import { MailSink } from './mail-sink.js';
import { MailsController } from './mails.controller.js';

@Module({ controllers: [MailsController], providers: [MailSink] })
export class MailsModule {}
