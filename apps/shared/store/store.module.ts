import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { Headroom } from './headroom.js';
import { RedisStore } from './redis-store.js';

/** One `RedisStore` for the whole app, and the `Headroom` of its server. */
@Module({})
export class StoreModule {
  static forUrl(url: string): DynamicModule {
    return {
      module: StoreModule,
      global: true,
      providers: [{ provide: RedisStore, useFactory: () => new RedisStore(url) }, Headroom],
      exports: [RedisStore, Headroom],
    };
  }
}
