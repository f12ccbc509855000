import { setImmediate as nextTurn } from 'node:timers/promises';
import { ClientTCP, Transport } from '@nestjs/microservices';
import { callNest, pausing, serveNest } from '../nest-microservice.js';
import type { Contender } from '../contender.js';

export const nestTcp: Contender = {
  name: 'nest-tcp',
  title: 'Nest TCP, no broker',
  serve: ({ freePort }, work) =>
    serveNest({ transport: Transport.TCP, options: { host: '127.0.0.1', port: freePort } }, work),
  async call({ freePort }) {
    const caller = await callNest(new ClientTCP({ host: '127.0.0.1', port: freePort }));
    return pausing(caller, () => nextTurn());
  },
};
