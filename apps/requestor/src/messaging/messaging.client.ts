import { ClientsModule } from '@nestjs/microservices';
import { RedisStreamClient } from 'nestjs-redis-stream-transport';
import { SETTINGS } from '../settings.js';
import type { RequestorSettings } from '../settings.js';

/** Injection token of the transporter's client, which carries all events and requests except those of the demo. */
export const MESSAGING_CLIENT = Symbol('messaging client');

export const MessagingClientModule = ClientsModule.registerAsync([
  {
    name: MESSAGING_CLIENT,
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
