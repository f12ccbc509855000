import { Module } from '@nestjs/common';
import { SmsRecords } from '../../../contracts/src/index.js';
import { DeliveryStatusController } from './delivery-status.controller.js';
import { FailureJournal } from './failure-journal.js';

@Module({ controllers: [DeliveryStatusController], providers: [FailureJournal, SmsRecords] })
export class DeliveryStatusModule {}
