import { Module } from '@nestjs/common';
import { SmsRecords } from '../../../contracts/src/index.js';
import { SmsStatusController } from './sms-status.controller.js';

@Module({ controllers: [SmsStatusController], providers: [SmsRecords] })
export class SmsStatusModule {}
