import { ClientsModule } from '@nestjs/microservices';
import { RedisStreamClient } from 'nestjs-redis-stream-transport';
import { SETTINGS } from '../settings.js';
import type { ResponderSettings } from '../settings.js';

/** Injection token of the client that announces results. */
export const SMS_CLIENT = Symbol('SMS client');

export const SmsClientModule = ClientsModule.registerAsync([
  {
    name: SMS_CLIENT,
    inject: [SETTINGS],
    useFactory: ({ redisUrl }: ResponderSettings) => ({
      customClass: RedisStreamClient,
      options: { connection: redisUrl },
    }),
  },
]);
