import { Module } from '@nestjs/common';
import { RedisStreamClient } from 'nestjs-redis-stream-transport';
import { SETTINGS } from '../settings.js';
import type { RequestorSettings } from '../settings.js';
import { STREAM_CLIENT, StreamController } from './stream.controller.js';

/**
 * The smallest use of the transporter: a client out of a plain provider factory, given a connection and nothing else.
 * An app written for an earlier transporter of this shape looks like this and needs another import, no more.
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
