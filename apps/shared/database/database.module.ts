import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { dataSourceOptions } from './data-source.js';

const CONNECT_ATTEMPTS = 10;
const CONNECT_RETRY_MS = 1_000;

/** One database connection pool for the whole app. */
@Module({})
export class DatabaseModule {
  static forUrl(url: string): DynamicModule {
    const options = { ...dataSourceOptions(url), retryAttempts: CONNECT_ATTEMPTS, retryDelay: CONNECT_RETRY_MS };
    return { module: DatabaseModule, imports: [TypeOrmModule.forRoot(options)] };
  }
}
