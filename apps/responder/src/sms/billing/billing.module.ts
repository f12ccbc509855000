import { Module } from '@nestjs/common';
import { BillingController } from './billing.controller.js';
import { Ledger } from './ledger.js';

@Module({ controllers: [BillingController], providers: [Ledger] })
export class BillingModule {}
