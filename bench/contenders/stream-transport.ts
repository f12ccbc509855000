import { callNest, serveNest } from '../nest-microservice.js';
import type { Contender } from '../contender.js';

/** The build and not the sources: what is measured is what ships. */
const BUILD = new URL('../../dist/esm/index.js', import.meta.url).href;
const library = (): Promise<typeof import('nestjs-redis-stream-transport')> =>
  import(BUILD) as Promise<typeof import('nestjs-redis-stream-transport')>;

export const streamTransport: Contender = {
  name: 'stream-transport',
  title: 'this library',
  async serve({ redisPort }, work) {
    const { RedisStreamServer } = await library();
    const connection = { host: '127.0.0.1', port: redisPort };
    return serveNest({ strategy: new RedisStreamServer({ connection, option: { consumerGroup: 'bench' } }) }, work);
  },
  async call({ redisPort }) {
    const { RedisStreamClient } = await library();
    return callNest(new RedisStreamClient({ connection: { host: '127.0.0.1', port: redisPort } }));
  },
};
