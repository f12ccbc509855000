import { Module } from '@nestjs/common';
import { SmsRecords } from '../../../contracts/src/index.js';
import { SmsGateway } from './sms-gateway.js';
import { SmsWorkerController } from './sms-worker.controller.js';
import { SmsClientModule } from './sms.client.js';

@Module({ imports: [SmsClientModule], controllers: [SmsWorkerController], providers: [SmsGateway, SmsRecords] })
export class SmsWorkerModule {}
