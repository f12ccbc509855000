import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { COUNT, GROUP } from '../contender.js';
import { CPU_METRICS, wallClock, type Figures } from '../figures.js';
import { PAYLOAD } from '../payload.js';
import type { Stage } from '../stage.js';
import type { Workload } from '../workload.js';

const WARM_UP_EVENTS = 3_000;
/** A warm-up that is too short to time must not decide how long a measurement takes. */
const MAX_PER_SECOND = 50_000;
/** Enough for the JIT compiler to finish with the hot path in every consumer. */
const DRAIN_WARM_UP_EVENTS = 20_000;
const HELD_EVENTS = 100;
/** The defaults of BullMQ take more than a minute in the worst case. */
const RECOVERY_LIMIT_MS = 180_000;
const ADD = `for i = 1, ARGV[1] do redis.call('XADD', KEYS[1], '*', 'data', ARGV[2]) end`;

export const events: Workload = {
  title: 'Events: from the first emit(), 256 in flight, until the last one is handled',
  metrics: [
    { key: 'handledRate', title: 'events/s handled', better: 'higher', digits: 0 },
    { key: 'emitRate', title: 'events/s emitted', better: 'higher', digits: 0 },
    ...CPU_METRICS,
  ],
  contenders: ['stream-transport', 'nest-redis', 'nest-tcp', 'nest-nats', 'bullmq', 'raw-streams'],
  comparison: 'contenders',
  variants: [
    {
      label: '100 B',
      async run(stage, { seconds }) {
        await stage.start();
        return measureEvents(stage, seconds);
      },
    },
  ],
};

export const drain: Workload = {
  title: 'Drain: consumers work off a backlog of events until all of it is acknowledged',
  metrics: [{ key: 'rate', title: 'events/s', better: 'higher', digits: 0 }, ...CPU_METRICS],
  contenders: ['stream-transport', 'raw-streams'],
  comparison: 'contenders',
  variants: [1, 2, 4].map((consumers) => ({
    label: consumers === 1 ? '1 consumer' : `${consumers} consumers`,
    async run(stage, { backlog }) {
      await stage.start({}, consumers);
      const { observer } = stage.brokers;
      const warmUp = DRAIN_WARM_UP_EVENTS * consumers;
      await addBacklog(observer, COUNT, warmUp);
      await stage.handled(warmUp);

      return stage.measured(async () => {
        await addBacklog(observer, COUNT, backlog);
        const startedAt = wallClock();
        await stage.handled(backlog);
        await allSettled(observer);
        return { messages: backlog, rate: (backlog / (wallClock() - startedAt)) * 1_000 };
      });
    },
  })),
};

export const recovery: Workload = {
  title: `Recovery: kill -9 of a consumer with ${HELD_EVENTS} events in flight, until another one has handled them all`,
  metrics: [{ key: 'seconds', title: 'seconds', better: 'lower', digits: 1 }],
  contenders: ['stream-transport', 'bullmq'],
  comparison: 'contenders',
  // Timers dominate the result, not work.
  maxRounds: 3,
  variants: [
    { leaseMs: 2_000, sweepMs: 500 },
    // The defaults of the library. By default, BullMQ checks every 30 s.
    { leaseMs: 30_000, sweepMs: 5_000 },
  ].map((takeover) => ({
    label: `lease ${takeover.leaseMs / 1_000} s, checked every ${takeover.sweepMs / 1_000} s`,
    async run(stage) {
      await stage.start({ takeover, holds: true });
      await stage.drive({ kind: 'events', count: HELD_EVENTS });
      await stage.handled(HELD_EVENTS);

      await stage.addServer({ takeover });
      const killedAt = wallClock();
      await stage.killServer();
      const endedAt = await stage.handled(HELD_EVENTS, RECOVERY_LIMIT_MS);
      return { seconds: (endedAt - killedAt) / 1_000 };
    },
  })),
};

/** Warms up, then measures events between the processes of the stage. */
export async function measureEvents(stage: Stage, seconds: number): Promise<Figures> {
  await emit(stage, WARM_UP_EVENTS);
  // As many events as take about `seconds`: a count that keeps a slow queue busy is done at once by the others.
  const { handledRate = NaN } = await emit(stage, WARM_UP_EVENTS);
  const count = Math.ceil(Math.min(MAX_PER_SECOND, handledRate) * seconds);
  return stage.measured(() => emit(stage, count));
}

async function emit(stage: Stage, count: number): Promise<Figures> {
  const { startedAt = NaN, emittedAt = NaN } = await stage.drive({ kind: 'events', count });
  const handledAt = await stage.handled(count);
  const rateUntil = (time: number): number => (count / (time - startedAt)) * 1_000;
  return { messages: count, handledRate: rateUntil(handledAt), emitRate: rateUntil(emittedAt) };
}

/** Adds events at once, so that every consumer finds all of them at the same moment. */
export async function addBacklog(redis: Redis, stream: string, count: number): Promise<void> {
  await redis.eval(ADD, 1, stream, count, JSON.stringify(PAYLOAD));
}

/** Waits for the acks: a loop that reads ahead of its acks has not drained anything yet. */
async function allSettled(redis: Redis): Promise<void> {
  for (;;) {
    const [pending] = (await redis.xpending(COUNT, GROUP)) as [number];
    if (pending === 0) return;
    await delay(5);
  }
}
