import { callNest, serveNest } from '../nest-microservice.js';
import { GROUP, type Contender } from '../contender.js';

export const streamTransport: Contender = {
  name: 'stream-transport',
  title: 'this library',
  async serve({ redisPort }, work, { takeover }) {
    const { RedisStreamServer } = await import('nestjs-redis-stream-transport');
    const strategy = new RedisStreamServer({
      connection: { host: '127.0.0.1', port: redisPort },
      option: {
        consumerGroup: GROUP,
        // With handlers that never end, a stop would wait for them.
        ...(takeover && { lease: takeover.leaseMs, sweepInterval: takeover.sweepMs, shutdownTimeout: 0 }),
      },
    });
    return serveNest({ strategy }, work);
  },
  async call({ redisPort }) {
    const { RedisStreamClient } = await import('nestjs-redis-stream-transport');
    return callNest(new RedisStreamClient({ connection: { host: '127.0.0.1', port: redisPort } }));
  },
};
