import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';

/** Gives the settings of an app to all its modules, under the app's own token. */
@Module({})
export class SettingsModule {
  static of(token: symbol, settings: object): DynamicModule {
    const provider = { provide: token, useValue: settings };
    return { module: SettingsModule, global: true, providers: [provider], exports: [token] };
  }
}
