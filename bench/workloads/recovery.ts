import type { Setup, Takeover } from '../contender.js';
import type { Variant, Workload } from '../workload.js';

interface Lease extends Variant {
  readonly takeover: Takeover;
}

const EVENTS = 100;
/** The defaults of BullMQ take more than a minute in the worst case. */
const LIMIT_MS = 180_000;

export const recovery: Workload<Lease> = {
  title: `Recovery: kill -9 of a consumer with ${EVENTS} events in flight, until another one has handled them all`,
  metrics: [{ key: 'seconds', title: 'seconds', better: 'lower', digits: 1 }],
  contenders: ['stream-transport', 'bullmq'],
  comparison: 'contenders',
  // Timers dominate the result, not work.
  maxRounds: 3,
  variants: [
    { label: 'lease 2 s, checked every 0.5 s', takeover: { leaseMs: 2_000, sweepMs: 500 } },
    // The defaults of the library. By default, BullMQ checks every 30 s.
    { label: 'lease 30 s, checked every 5 s', takeover: { leaseMs: 30_000, sweepMs: 5_000 } },
  ],

  async run(stage, { label, takeover }) {
    const doomed: Setup = { takeover, holds: true };
    await stage.start(doomed);
    await stage.drive({ kind: 'events', count: EVENTS });
    await stage.handled(EVENTS);

    await stage.addServer({ takeover });
    const killedAt = performance.timeOrigin + performance.now();
    await stage.killServer();
    const endedAt = await stage.handled(EVENTS, LIMIT_MS);
    return [{ label, figures: { seconds: (endedAt - killedAt) / 1_000 } }];
  },
};
