import { ClientsModule } from '@nestjs/microservices';
import { RedisStreamClient } from 'nestjs-redis-stream-transport';
import { SETTINGS } from '../settings.js';
import type { RequestorSettings } from '../settings.js';

/** Injection token of the transporter's client for everything about SMS. */
export const SMS_CLIENT = Symbol('SMS client');

export const SmsClientModule = ClientsModule.registerAsync([
  {
    name: SMS_CLIENT,
    inject: [SETTINGS],
    useFactory: (settings: RequestorSettings) => ({
      customClass: RedisStreamClient,
      options: {
        connection: settings.redisUrl,
        option: { requestTimeout: settings.requestTimeoutMs, publishTimeout: settings.publishTimeoutMs },
      },
    }),
  },
]);
