import { quantile } from '../statistics.js';
import type { Caller } from '../contender.js';
import { keepInFlight, PAYLOAD, type Figures, type Workload } from '../workload.js';

export interface Task {
  readonly inFlight: number;
  readonly seconds: number;
}

const IN_FLIGHT = 256;

export const workload: Workload<Task> = {
  title: `requests: send() until the reply is there, ${IN_FLIGHT} in flight`,
  metrics: [
    { key: 'rate', title: 'req/s', better: 'higher', digits: 0 },
    { key: 'p50', title: 'p50 ms', better: 'lower', digits: 2 },
    { key: 'p99', title: 'p99 ms', better: 'lower', digits: 2 },
  ],

  async run(stage, seconds) {
    await stage.startServer();
    const client = await stage.startClient();
    // Until the compiler of both processes has seen the hot path.
    await client.drive({ inFlight: IN_FLIGHT, seconds: Math.min(seconds, 1.5) } satisfies Task);
    return client.drive({ inFlight: IN_FLIGHT, seconds } satisfies Task);
  },

  drive: request,
};

/** Keeps so many requests in flight for so long. */
export async function request(caller: Caller, { inFlight, seconds }: Task): Promise<Figures> {
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
}
