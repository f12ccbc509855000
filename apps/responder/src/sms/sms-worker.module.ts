import { Module } from '@nestjs/common';
import { SmsRecords } from '#store';
import { PatientGateway } from './patient-gateway.js';
import { SmsGateway } from './sms-gateway.js';
import { SmsWorkerController } from './sms-worker.controller.js';
import { StreamClientModule } from '../stream.client.js';

@Module({
  imports: [StreamClientModule],
  controllers: [SmsWorkerController],
  providers: [PatientGateway, SmsGateway, SmsRecords],
})
export class SmsWorkerModule {}
