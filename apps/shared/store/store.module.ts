import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { RedisStore } from './redis-store.js';

/** One `RedisStore` for the whole app. */
@Module({})
export class StoreModule {
  static forUrl(url: string): DynamicModule {
    return {
      module: StoreModule,
      global: true,
      providers: [{ provide: RedisStore, useFactory: () => new RedisStore(url) }],
      exports: [RedisStore],
    };
  }
}
