import { Module } from '@nestjs/common';
import type { ClientProxy } from '@nestjs/microservices';
import { RedisStreamClient } from 'nestjs-redis-stream-transport';
import { Responders } from '../messaging/responders.js';
import { SETTINGS } from '../settings.js';
import type { RequestorSettings } from '../settings.js';
import { STREAM_CLIENT, StreamController } from './stream.controller.js';

/** Anyone can fill the demo's streams: a thousand of the largest events take 4 MB. */
const MAX_PAYLOAD_BYTES = 4_096;

/**
 * The minimal use of the transporter: a client from a plain provider factory, with a connection and two limits.
 * An app written for an earlier transporter of this shape looks like this and only has to change its import.
 */
@Module({
  controllers: [StreamController],
  providers: [
    {
      provide: STREAM_CLIENT,
      inject: [SETTINGS],
      useFactory: ({ redisUrl, requestTimeoutMs }: RequestorSettings) =>
        new RedisStreamClient({
          connection: redisUrl,
          option: { maxPayloadBytes: MAX_PAYLOAD_BYTES, requestTimeout: requestTimeoutMs },
        }),
    },
    // Its own, over this client: that of `MessagingModule` would send without this limit.
    { provide: Responders, inject: [STREAM_CLIENT], useFactory: (client: ClientProxy) => new Responders(client) },
  ],
})
export class StreamModule {}
