import { Module } from '@nestjs/common';
import { RedisStreamDeadLetters } from 'nestjs-redis-stream-transport';
import { SETTINGS } from '../settings.js';
import type { RequestorSettings } from '../settings.js';
import { DeadLettersController } from './dead-letters.controller.js';

const deadLetters = {
  provide: RedisStreamDeadLetters,
  inject: [SETTINGS],
  useFactory: (settings: RequestorSettings) =>
    new RedisStreamDeadLetters({
      connection: settings.redisUrl,
      option: { connectTimeout: settings.publishTimeoutMs },
    }),
};

@Module({ controllers: [DeadLettersController], providers: [deadLetters] })
export class DeadLettersModule {}
