import { ClientsModule } from '@nestjs/microservices';
import { RedisStreamClient } from 'nestjs-redis-stream-transport';
import { SETTINGS } from './settings.js';
import type { ResponderSettings } from './settings.js';

/** Injection token of the client through which the roles send messages to each other. */
export const STREAM_CLIENT = Symbol('stream client');

export const StreamClientModule = ClientsModule.registerAsync([
  {
    name: STREAM_CLIENT,
    inject: [SETTINGS],
    useFactory: ({ redisUrl }: ResponderSettings) => ({
      customClass: RedisStreamClient,
      options: { connection: redisUrl, option: { requestTimeout: 10_000 } },
    }),
  },
]);
