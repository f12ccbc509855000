import type { Workload } from '../workload.js';
import { request, type Task } from './requests.js';

export const workload: Workload<Task> = {
  title: 'latency: send() until the reply is there, one at a time',
  metrics: [
    { key: 'p50', title: 'p50 ms', better: 'lower', digits: 3 },
    { key: 'p99', title: 'p99 ms', better: 'lower', digits: 3 },
  ],

  async run(stage, seconds) {
    await stage.startServer();
    const client = await stage.startClient();
    await client.drive({ inFlight: 64, seconds: Math.min(seconds, 1.5) } satisfies Task);
    return client.drive({ inFlight: 1, seconds } satisfies Task);
  },

  drive: request,
};
