import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { RedisStreamContext } from 'nestjs-redis-stream-transport';
import { setTimeout as pause } from 'node:timers/promises';
import { deferred } from '../../support/deferred.js';
import type { Deferred } from '../../support/deferred.js';
import { eventually } from '../../support/eventually.js';
import { pendingOf, settled } from '../../support/stream-view.js';
import type { Topic } from './topic.js';

const PATTERNS = Array.from({ length: 20 }, (_, n) => `spread.${n}`);
const BACKLOG = 200;
const CONCURRENCY = 128;

let gate: Deferred;
let runs: string[] = [];

@Controller()
class Spread {
  @EventPattern<string[]>(PATTERNS)
  work(@Payload() data: unknown, @Ctx() ctx: RedisStreamContext): Promise<void> {
    runs.push(`${ctx.getStream()} ${String(data)}`);
    return gate.promise;
  }
}

export const overReading: Topic = (stage) => {
  beforeEach(() => {
    runs = [];
    gate = deferred();
  });

  async function fillAll(backlog: number): Promise<void> {
    for (const stream of PATTERNS) {
      const batch = stage.at(stream).pipeline();
      batch.xgroup('CREATE', stream, 'service', '0', 'MKSTREAM');
      for (let n = 0; n < backlog; n += 1) batch.xadd(stream, '*', 'data', String(n));
      await batch.exec();
    }
  }

  /** Entries that the service has read but not settled. */
  async function takenInAll(): Promise<number> {
    const counts = await Promise.all(PATTERNS.map((stream) => pendingOf(stage.at(stream), stream)));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  describe('many streams that share the slots of one group', () => {
    it('take no more entries than there are slots, plus one per stream', async () => {
      await fillAll(BACKLOG);
      await stage.serve([Spread], { option: { concurrency: CONCURRENCY, block: 500 } });
      await eventually(() => expect(runs.length).toBe(CONCURRENCY));
      let most = 0;
      for (let look = 0; look < 20; look += 1) {
        most = Math.max(most, await takenInAll());
        await pause(50);
      }
      expect(most).toBeLessThanOrEqual(CONCURRENCY + PATTERNS.length);
      expect(runs.length).toBe(CONCURRENCY);
      gate.resolve();
      await eventually(() => expect(runs.length).toBe(PATTERNS.length * BACKLOG), { within: 20_000 });
      for (const stream of PATTERNS) await settled(stage.at(stream), stream);
      expect(new Set(runs).size).toBe(runs.length);
    }, 60_000);

    it('delay the next read until the surplus entries have run', async () => {
      await fillAll(BACKLOG / 4);
      await stage.serve([Spread], { option: { concurrency: 1, block: 500 } });
      await eventually(() => expect(runs.length).toBe(1));
      let most = 0;
      for (let look = 0; look < 20; look += 1) {
        most = Math.max(most, await takenInAll());
        await pause(50);
      }
      expect(most).toBeLessThanOrEqual(1 + PATTERNS.length);
      gate.resolve();
      await eventually(() => expect(runs.length).toBe((PATTERNS.length * BACKLOG) / 4), { within: 30_000 });
      for (const stream of PATTERNS) await settled(stage.at(stream), stream);
    }, 60_000);
  });
};
