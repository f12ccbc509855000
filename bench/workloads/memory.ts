import { setTimeout as delay } from 'node:timers/promises';
import type { Stage } from '../stage.js';
import type { Measurement, Metric, Variant, Workload } from '../workload.js';

interface Kind extends Variant {
  readonly send: (stage: Stage, count: number) => Promise<void>;
}

const CHECKPOINTS = 10;
/** Long enough for trimming and other work on a timer to have run. */
const SETTLE_MS = 2_000;

const megabytes = (key: string, title: string): Metric => ({ key, title, digits: 1 });
const IN_FLIGHT = 256;

export const memory: Workload<Kind> = {
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
    {
      label: 'requests',
      send: async (stage, count) => {
        await stage.drive({ kind: 'requests', inFlight: IN_FLIGHT, bytes: 100, patterns: 1, extent: { count } });
      },
    },
    {
      label: 'events',
      send: async (stage, count) => {
        await stage.drive({ kind: 'events', count });
        await stage.handled(count);
      },
    },
  ],

  async run(stage, { label, send }, { messages }) {
    await stage.start();
    const held: Measurement[] = [];
    const note = async (passed: number): Promise<void> => {
      await delay(SETTLE_MS);
      const bytes = Object.entries(await stage.memory());
      const figures = Object.fromEntries(bytes.map(([key, value]) => [key, value / 1_000_000]));
      held.push({ label: `${passed.toLocaleString('en-US')} ${label}`, figures });
    };
    const step = Math.ceil(messages / CHECKPOINTS);
    await note(0);
    for (let passed = 0; passed < messages; passed += step) {
      await send(stage, step);
      await note(passed + step);
    }
    return held;
  },
};
