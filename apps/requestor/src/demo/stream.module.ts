import { Module } from '@nestjs/common';
import { RedisStreamClient } from 'nestjs-redis-stream-transport';
import { SETTINGS } from '../settings.js';
import type { RequestorSettings } from '../settings.js';
import { STREAM_CLIENT, StreamController } from './stream.controller.js';

/** Anyone can fill the demo's streams: a thousand of the largest events take 4 MB. */
const MAX_PAYLOAD_BYTES = 4_096;

/**
 * The minimal use of the transporter: a client from a plain provider factory, with a connection and one limit.
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
          option: { maxPayloadBytes: MAX_PAYLOAD_BYTES },
        });
      },
    },
  ],
})
export class StreamModule {}
