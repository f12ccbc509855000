import { Module } from '@nestjs/common';
import { SmsRecords } from '#store';
import { SmsStatusController } from './sms-status.controller.js';

@Module({ controllers: [SmsStatusController], providers: [SmsRecords] })
export class SmsStatusModule {}
