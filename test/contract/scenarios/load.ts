import { Controller } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { ask, tell } from '../../support/calls.js';
import { deferred } from '../../support/deferred.js';
import { eventually } from '../../support/eventually.js';
import { callsOf, pendingOf, settled } from '../../support/stream-view.js';
import type { Topic } from './topic.js';

let gate = deferred();

let running = 0;
let most = 0;
let order: string[] = [];

@Controller()
class Crowd {
  @EventPattern('busy')
  async busy(@Payload() n: number): Promise<void> {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, 2));
    running -= 1;
    order.push(`busy ${n}`);
  }

  @EventPattern('calm')
  calm(@Payload() data: unknown): void {
    order.push(`calm ${String(data)}`);
  }

  @EventPattern('mixed')
  async mixed(@Payload() data: unknown): Promise<void> {
    if (data === 'slow') await gate.promise;
    order.push(`mixed ${String(data)}`);
  }

  @MessagePattern('echo')
  echo(@Payload() data: unknown): unknown {
    return data;
  }
}

export const load: Topic = (stage) => {
  afterEach(() => gate.resolve());

  beforeEach(() => {
    running = 0;
    most = 0;
    order = [];
    gate = deferred();
  });

  async function backlog(stream: string, size: number): Promise<void> {
    const pipeline = stage.at(stream).pipeline();
    for (let n = 0; n < size; n += 1) pipeline.xadd(stream, '*', 'data', String(n));
    await pipeline.exec();
  }

  describe('under load', () => {
    it('a backlog of 2,000 never runs more than concurrency handlers, and does not starve other streams', async () => {
      await backlog('busy', 2_000);
      await stage.at('calm').xadd('calm', '*', 'data', '"waiting"');
      await stage.serve([Crowd], { option: { concurrency: 10 } });
      await eventually(() => expect(order).toHaveLength(2_001), { within: 20_000 });
      expect(most).toBe(10);
      expect(order.indexOf('calm waiting')).toBeLessThan(200);
      expect(new Set(order).size).toBe(2_001);
      await settled(stage.at('busy'), 'busy');
    });

    it('a busy stream that is listed first does not delay later ones', async () => {
      await backlog('busy', 1_000);
      await stage.serve([Crowd], { option: { concurrency: 5 } });
      const client = stage.client();
      await tell(client, 'calm', 'event');
      await expect(ask(client, 'echo', 'request')).resolves.toBe('request');
      await eventually(() => expect(order).toContain('calm event'));
      expect(order.length).toBeLessThan(900);
      await eventually(() => expect(order).toHaveLength(1_001), { within: 20_000 });
    });

    it('one slow handler does not delay the messages behind it', async () => {
      await stage.serve([Crowd], { option: { concurrency: 2 } });
      const client = stage.client();
      await tell(client, 'mixed', 'slow');
      for (let n = 0; n < 20; n += 1) await tell(client, 'mixed', n);
      await eventually(() => expect(order).toHaveLength(20));
      expect(order).not.toContain('mixed slow');
      gate.resolve();
      await settled(stage.at('mixed'), 'mixed');
      expect(order.at(-1)).toBe('mixed slow');
    });

    it('a failing message that waits for its retry holds no slot', async () => {
      @Controller()
      class Failing {
        @EventPattern('failing')
        failing(@Payload() data: unknown): void {
          order.push(String(data));
          if (data === 'fails') throw new Error('later');
        }
      }
      await stage.serve([Failing], {
        option: { concurrency: 1, backoff: { delay: 60_000, maxDelay: 60_000 }, shutdownTimeout: 0 },
      });
      const client = stage.client();
      await tell(client, 'failing', 'fails');
      for (let n = 0; n < 5; n += 1) await tell(client, 'failing', n);
      await eventually(() => expect(order).toEqual(['fails', '0', '1', '2', '3', '4']));
    });

    it('a stream keeps its order when concurrency is 1', async () => {
      @Controller()
      class Ordered {
        @EventPattern('ordered')
        async ordered(@Payload() n: number): Promise<void> {
          await new Promise((resolve) => (n % 7 === 0 ? setTimeout(resolve, 1) : setImmediate(resolve)));
          order.push(String(n));
        }
      }
      await backlog('ordered', 200);
      await stage.serve([Ordered], { option: { concurrency: 1 } });
      await eventually(() => expect(order).toHaveLength(200));
      expect(order).toEqual(Array.from({ length: 200 }, (_, n) => String(n)));
    });

    it('300 sequential requests are answered, and no reply is lost between two reads of the inbox', async () => {
      await stage.serve([Crowd]);
      const client = stage.client();
      for (let n = 0; n < 300; n += 1) expect(await ask(client, 'echo', n)).toBe(n);
    });

    it('retention keeps the configured number of settled events, and never trims what a group has not acked', async () => {
      await stage.serve([Crowd], { option: { retention: { maxLength: 100 }, sweepInterval: 100 } });
      await stage.at('calm').xgroup('CREATE', 'calm', 'slow-reader', '0');
      await backlog('calm', 1_000);
      await eventually(() => expect(order).toHaveLength(1_000));
      await settled(stage.at('calm'), 'calm');
      await backlog('calm', 1);
      await eventually(() => expect(order).toHaveLength(1_001));
      expect(await stage.at('calm').xlen('calm')).toBe(1_001);
      await stage.at('calm').xgroup('DESTROY', 'calm', 'slow-reader');
      await backlog('calm', 100);
      await eventually(async () => expect(await stage.at('calm').xlen('calm')).toBeLessThan(400));
      expect(await stage.at('calm').xlen('calm')).toBeGreaterThanOrEqual(100);
    });

    it('retention trims what an old entry held back, as soon as that entry is settled', async () => {
      const looks = (): Promise<number> => callsOf(stage.at('mixed'), 'xinfo\\|groups');
      const first = await looks();
      await stage.serve([Crowd], { option: { retention: { maxLength: 50 }, sweepInterval: 100 } });
      await tell(stage.client(), 'mixed', 'slow');
      await backlog('mixed', 500);
      await eventually(() => expect(order).toHaveLength(500));
      await eventually(async () => expect(await pendingOf(stage.at('mixed'), 'mixed')).toBe(1));
      // Long enough for an attempt to trim that cannot remove anything.
      await eventually(async () => expect(await looks()).toBeGreaterThan(first));
      expect(await stage.at('mixed').xlen('mixed')).toBe(501);
      gate.resolve();
      await eventually(async () => expect(await stage.at('mixed').xlen('mixed')).toBeLessThan(200));
      expect(await stage.at('mixed').xlen('mixed')).toBeGreaterThanOrEqual(50);
      // There is nothing more to trim, so the server stops looking.
      const looked = await looks();
      const swept = await callsOf(stage.at('mixed'), 'time');
      await eventually(async () => expect(await callsOf(stage.at('mixed'), 'time')).toBeGreaterThan(swept + 2));
      expect(await looks()).toBe(looked);
    });
  });
};
