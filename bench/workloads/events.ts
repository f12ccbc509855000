import { keepInFlight, PAYLOAD, type Workload } from '../workload.js';

interface Task {
  readonly events: number;
}

const IN_FLIGHT = 256;
const WARM_UP = 5_000;
const PER_SECOND = 20_000;

export const workload: Workload<Task> = {
  title: `events: from the first emit(), ${IN_FLIGHT} in flight, until the last one is handled`,
  metrics: [
    { key: 'handledRate', title: 'events/s handled', better: 'higher', digits: 0 },
    { key: 'emitRate', title: 'events/s emitted', better: 'higher', digits: 0 },
  ],

  async run(stage, seconds) {
    const server = await stage.startServer();
    const client = await stage.startClient();
    await client.drive({ events: WARM_UP } satisfies Task);
    await server.handled(WARM_UP);

    const events = Math.round(PER_SECOND * seconds);
    const { started = NaN, emitted = NaN } = await client.drive({ events } satisfies Task);
    const ended = await server.handled(WARM_UP + events);
    return { handledRate: (events / (ended - started)) * 1_000, emitRate: (events / (emitted - started)) * 1_000 };
  },

  async drive(caller, { events }) {
    let left = events;
    const started = performance.timeOrigin + performance.now();
    await keepInFlight(
      IN_FLIGHT,
      () => left-- > 0,
      () => caller.emit(PAYLOAD),
    );
    return { started, emitted: performance.timeOrigin + performance.now() };
  },
};
