import { Module } from '@nestjs/common';
import { SmsRecords } from '#store';
import { DeliveryStatusController } from './delivery-status.controller.js';
import { FailureJournal } from './failure-journal.js';

@Module({ controllers: [DeliveryStatusController], providers: [FailureJournal, SmsRecords] })
export class DeliveryStatusModule {}
