import { ClientNats, Transport } from '@nestjs/microservices';
import { callNest, pausing, serveNest } from '../nest-microservice.js';
import type { Contender, Place } from '../contender.js';

const serverOf = ({ natsPort }: Place): string => `127.0.0.1:${natsPort}`;

export const nestNats: Contender = {
  name: 'nest-nats',
  title: 'Nest NATS',
  serve: (place, work) => serveNest({ transport: Transport.NATS, options: { servers: [serverOf(place)] } }, work),
  async call(place) {
    const client = new ClientNats({ servers: [serverOf(place)] });
    const caller = await callNest(client);
    const connection = client.unwrap<{ flush(): Promise<void> }>();
    return pausing(caller, () => connection.flush());
  },
};
