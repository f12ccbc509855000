import { Module } from '@nestjs/common';
import { RedisStreamClient } from 'nestjs-redis-stream-transport';
import { SETTINGS } from '../settings.js';
import type { RequestorSettings } from '../settings.js';
import { STREAM_CLIENT, StreamController } from './stream.controller.js';

/**
 * The minimal use of the transporter: a client from a plain provider factory, with a connection and nothing else.
 * An app written for an earlier transporter of this shape looks like this and only has to change its import.
 */
@Module({
  controllers: [StreamController],
  providers: [
    {
      provide: STREAM_CLIENT,
      inject: [SETTINGS],
      useFactory: ({ redisUrl }: RequestorSettings) => {
        const { hostname, port, username, password } = new URL(redisUrl);
        return new RedisStreamClient({
          connection: {
            host: hostname,
            port: Number(port || 6379),
            username: decodeURIComponent(username) || undefined,
            password: decodeURIComponent(password) || undefined,
          },
        });
      },
    },
  ],
})
export class StreamModule {}
