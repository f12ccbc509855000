import { quantile } from '../statistics.js';
import { keepInFlight, PAYLOAD, type Workload } from '../workload.js';

interface Task {
  readonly inFlight: number;
  readonly seconds: number;
}

const IN_FLIGHT = 256;

export const workload: Workload<Task> = {
  title: `requests: send() until the reply is there, ${IN_FLIGHT} in flight, then one at a time`,
  metrics: [
    { key: 'rate', title: `req/s at ${IN_FLIGHT}`, better: 'higher', digits: 0 },
    { key: 'busyP99', title: `p99 ms at ${IN_FLIGHT}`, better: 'lower', digits: 2 },
    { key: 'p50', title: 'p50 ms at 1', better: 'lower', digits: 3 },
    { key: 'p99', title: 'p99 ms at 1', better: 'lower', digits: 3 },
  ],

  async run(stage, seconds) {
    await stage.startServer();
    const client = await stage.startClient();
    // Until the compiler of both processes has seen the hot path.
    await client.drive({ inFlight: IN_FLIGHT, seconds: Math.min(seconds, 1.5) } satisfies Task);
    const busy = await client.drive({ inFlight: IN_FLIGHT, seconds } satisfies Task);
    const alone = await client.drive({ inFlight: 1, seconds: seconds / 2 } satisfies Task);
    return {
      rate: busy['rate'] ?? NaN,
      busyP99: busy['p99'] ?? NaN,
      p50: alone['p50'] ?? NaN,
      p99: alone['p99'] ?? NaN,
    };
  },

  async drive(caller, { inFlight, seconds }) {
    const latencies: number[] = [];
    const started = performance.now();
    const end = started + seconds * 1_000;
    await keepInFlight(
      inFlight,
      () => performance.now() < end,
      async () => {
        const sent = performance.now();
        await caller.send(PAYLOAD);
        latencies.push(performance.now() - sent);
      },
    );
    const elapsed = (performance.now() - started) / 1_000;
    return { rate: latencies.length / elapsed, p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) };
  },
};
