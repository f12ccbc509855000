import { ClientRedis, Transport } from '@nestjs/microservices';
import { callNest, serveNest } from '../nest-microservice.js';
import type { Contender } from '../contender.js';

export const nestRedis: Contender = {
  name: 'nest-redis',
  title: 'Nest Redis pub/sub',
  serve: ({ redisPort }, work) =>
    serveNest({ transport: Transport.REDIS, options: { host: '127.0.0.1', port: redisPort } }, work),
  call: ({ redisPort }) => callNest(new ClientRedis({ host: '127.0.0.1', port: redisPort })),
};
