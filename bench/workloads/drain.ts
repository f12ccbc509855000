import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { COUNT, GROUP } from '../contender.js';
import { CPU_METRICS, cpuFigures, type Variant, type Workload } from '../workload.js';
import { addBacklog } from './backlog.js';

interface Consumers extends Variant {
  readonly consumers: number;
}

/** Enough for the JIT compiler to finish with the hot path in every consumer. */
const WARM_UP_EVENTS = 20_000;

export const drain: Workload<Consumers> = {
  title: 'Drain: consumers work off a backlog of events until all of it is acknowledged',
  metrics: [{ key: 'rate', title: 'events/s', better: 'higher', digits: 0 }, ...CPU_METRICS],
  contenders: ['stream-transport', 'raw-streams'],
  comparison: 'contenders',
  variants: [
    { label: '1 consumer', consumers: 1 },
    { label: '2 consumers', consumers: 2 },
    { label: '4 consumers', consumers: 4 },
  ],

  async run(stage, { label, consumers }, { backlog }) {
    await stage.start({}, consumers);
    const { observer } = stage.brokers;
    const warmUp = WARM_UP_EVENTS * consumers;
    await addBacklog(observer, COUNT, warmUp);
    await stage.handled(warmUp);

    const before = await stage.cpuTimes();
    await addBacklog(observer, COUNT, backlog);
    const startedAt = performance.timeOrigin + performance.now();
    await stage.handled(backlog);
    const endedAt = await settledAt(observer);
    const rate = (backlog / (endedAt - startedAt)) * 1_000;
    return [{ label, figures: { rate, ...cpuFigures(before, await stage.cpuTimes(), backlog) } }];
  },
};

/** Waits for the acks: a loop that reads ahead of its acks has not drained anything yet. */
async function settledAt(redis: Redis): Promise<number> {
  for (;;) {
    const [pending] = (await redis.xpending(COUNT, GROUP)) as [number];
    if (pending === 0) return performance.timeOrigin + performance.now();
    await delay(5);
  }
}
