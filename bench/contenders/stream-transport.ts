import type { RedisStreamClient, RedisStreamServer } from 'nestjs-redis-stream-transport';
import { callNest, serveNest } from './nest-microservice.js';
import { GROUP, type Contender } from '../contender.js';

interface Library {
  readonly RedisStreamServer: typeof RedisStreamServer;
  readonly RedisStreamClient: typeof RedisStreamClient;
}

export const streamTransport = contenderOf(
  'stream-transport',
  'this library',
  () => import('nestjs-redis-stream-transport'),
);

/** Package name of another build of the library: `npm install --no-save <alias>@npm:…` or `<alias>@file:….tgz`. */
const BASELINE_PACKAGE: string = 'nestjs-redis-stream-transport-baseline';

export const baseline = contenderOf(
  'baseline',
  'another build of this library',
  // A name that the compiler does not resolve: the package is rarely installed.
  () => import(BASELINE_PACKAGE) as Promise<Library>,
);

function contenderOf(name: string, title: string, load: () => Promise<Library>): Contender {
  return {
    name,
    title,
    async serve({ redisPort }, work, { takeover }) {
      const { RedisStreamServer } = await load();
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
      const { RedisStreamClient } = await load();
      return callNest(new RedisStreamClient({ connection: { host: '127.0.0.1', port: redisPort } }));
    },
  };
}
