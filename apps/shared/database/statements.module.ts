import { Global, Module } from '@nestjs/common';
import { Statements } from './statements.js';

@Global()
@Module({ providers: [Statements], exports: [Statements] })
export class StatementsModule {}
