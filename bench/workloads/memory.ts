import { setTimeout as delay } from 'node:timers/promises';
import type { Metric } from '../figures.js';
import type { Stage } from '../stage.js';
import type { Measurement, Variant, Workload } from '../workload.js';

const CHECKPOINTS = 10;
/** Long enough for trimming and other work on a timer to have run. */
const SETTLE_MS = 2_000;

const megabytes = (key: string, title: string): Metric => ({ key, title, digits: 1 });

/** Measures before the first message, and then `CHECKPOINTS` times. */
const watched = (label: string, send: (stage: Stage, count: number) => Promise<unknown>): Variant => ({
  label,
  async run(stage, { messages }) {
    await stage.start();
    const held: Measurement[] = [];
    const step = Math.ceil(messages / CHECKPOINTS);
    for (let passed = 0; ; passed += step) {
      await delay(SETTLE_MS);
      const bytes = Object.entries(await stage.memory());
      const figures = Object.fromEntries(bytes.map(([key, value]) => [key, value / 1_000_000]));
      held.push({ label: `${passed.toLocaleString('en-US')} ${label}`, figures });
      if (passed >= messages) return held;
      await send(stage, step);
    }
  },
});

export const memory: Workload = {
  title: 'Memory: MB held by Redis, server and client while messages pass through',
  metrics: [
    megabytes('redis', 'Redis'),
    megabytes('serverHeap', 'server heap'),
    megabytes('serverRss', 'server rss'),
    megabytes('clientHeap', 'client heap'),
    megabytes('clientRss', 'client rss'),
  ],
  contenders: ['stream-transport'],
  comparison: 'none',
  maxRounds: 1,
  variants: [
    watched('requests', (stage, count) =>
      stage.drive({ kind: 'requests', inFlight: 256, bytes: 100, patterns: 1, extent: { count } }),
    ),
    watched('events', async (stage, count) => {
      await stage.drive({ kind: 'events', count });
      await stage.handled(count);
    }),
  ],
};
