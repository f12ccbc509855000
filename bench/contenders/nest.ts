/** The transports of Nest itself. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ClientNats, ClientRedis, ClientTCP, Transport } from '@nestjs/microservices';
import type { Contender } from '../contender.js';
import { callNest, pausing, serveNest } from './nest-microservice.js';

const host = '127.0.0.1';

export const nestRedis: Contender = {
  name: 'nest-redis',
  title: 'Nest Redis pub/sub',
  serve: ({ redisPort: port }, work) => serveNest({ transport: Transport.REDIS, options: { host, port } }, work),
  call: ({ redisPort: port }) => callNest(new ClientRedis({ host, port })),
};

export const nestTcp: Contender = {
  name: 'nest-tcp',
  title: 'Nest TCP, no broker',
  serve: ({ freePort: port }, work) => serveNest({ transport: Transport.TCP, options: { host, port } }, work),
  call: async ({ freePort: port }) => pausing(await callNest(new ClientTCP({ host, port })), () => nextTurn()),
};

export const nestNats: Contender = {
  name: 'nest-nats',
  title: 'Nest NATS',
  serve: ({ natsPort }, work) =>
    serveNest({ transport: Transport.NATS, options: { servers: [`${host}:${natsPort}`] } }, work),
  async call({ natsPort }) {
    const client = new ClientNats({ servers: [`${host}:${natsPort}`] });
    const caller = await callNest(client);
    const connection = client.unwrap<{ flush(): Promise<void> }>();
    return pausing(caller, () => connection.flush());
  },
};
