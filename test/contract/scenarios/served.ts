import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { RedisStreamRecordBuilder, RequestTimeoutError } from 'nestjs-redis-stream-transport';
import { ServedStreams } from '../../../lib/client/served-streams.js';
import { ask, failureOf } from '../../support/calls.js';
import { eventually } from '../../support/eventually.js';
import { callsOf } from '../../support/stream-view.js';
import type { Topic } from './topic.js';

const NO_HANDLER = 'There is no matching message handler defined in the remote service.';

@Controller()
class Echo {
  @MessagePattern('echo')
  echo(@Payload() data: unknown): unknown {
    return data;
  }
}

const within = (ms: number): unknown => new RedisStreamRecordBuilder('x').setTimeout(ms).build();

export const servedStreams: Topic = (stage) => {
  describe('a request to a stream that no group reads', () => {
    it.each([200, 300, 500, 700, 2_000])('fails with the error of Nest before a deadline of %d ms', async (ms) => {
      const client = stage.client();
      await client.connect();
      const started = performance.now();
      expect(await failureOf(ask(client, 'nobody', within(ms)))).toBe(NO_HANDLER);
      expect(performance.now() - started).toBeLessThan(Math.min(ms, 1_000));
      expect(await stage.at('nobody').exists('nobody')).toBe(0);
    });

    it('is answered when the server starts within half of the deadline', async () => {
      const client = stage.client();
      await client.connect();
      const answer = ask(client, 'echo', within(900));
      await stage.serve([Echo]);
      await expect(answer).resolves.toBe('x');
    });

    it('has its own deadline, even when others wait for the same stream', async () => {
      const client = stage.client();
      await client.connect();
      const calls = [200, 400, 5_000].map(async (ms) => {
        const started = performance.now();
        expect(await failureOf(ask(client, 'nobody', within(ms)))).toBe(NO_HANDLER);
        return performance.now() - started;
      });
      const [short, middle, long] = (await Promise.all(calls)) as [number, number, number];
      expect(short).toBeLessThan(200);
      expect(middle).toBeLessThan(400);
      expect(long).toBeGreaterThanOrEqual(450);
    });

    it('checks for groups one command at a time, for any number of waiting requests', async () => {
      const client = stage.client();
      await client.connect();
      const before = await callsOf(stage.at('nobody'), 'xinfo\\|groups');
      const calls = Array.from({ length: 500 }, () => failureOf(ask(client, 'nobody', within(1_000))));
      expect(new Set(await Promise.all(calls))).toEqual(new Set([NO_HANDLER]));
      expect((await callsOf(stage.at('nobody'), 'xinfo\\|groups')) - before).toBeLessThan(50);
    });
  });

  describe('a stream whose group is removed', () => {
    it('has more time to get a group again than a stream that never had one', async () => {
      const { close } = await stage.serve([Echo]);
      const client = stage.client();
      await ask(client, 'echo', 1);
      await close();
      await stage.at('echo').xgroup('DESTROY', 'echo', 'service');
      expect(await failureOf(ask(client, 'echo', within(300)))).toBeInstanceOf(RequestTimeoutError);
      const answer = ask(client, 'echo', within(8_000));
      expect(await failureOf(ask(client, 'nobody', within(8_000)))).toBe(NO_HANDLER);
      await stage.serve([Echo]);
      expect(await answer).toBe('x');
    });

    it('is checked again after a request times out', async () => {
      const { close } = await stage.serve([Echo]);
      const client = stage.client();
      await ask(client, 'echo', 1);
      await close();
      await stage.at('echo').xgroup('DESTROY', 'echo', 'service');
      expect(await failureOf(ask(client, 'echo', within(300)))).toBeInstanceOf(RequestTimeoutError);
      expect(await failureOf(ask(client, 'echo', within(300)))).toBe(NO_HANDLER);
    });

    it('is checked again within a minute, in the background', async () => {
      await stage.at('echo').xgroup('CREATE', 'echo', 'service', '0', 'MKSTREAM');
      const served = new ServedStreams(stage.at('echo'));
      expect(await served.check('echo', 0)).toBe(true);
      await stage.at('echo').xgroup('DESTROY', 'echo', 'service');
      const now = performance.now();
      expect(served.isKnown('echo', now + 29_000)).toBe(true);
      await stage.at('echo').ping();
      expect(served.isKnown('echo', now + 29_000)).toBe(true);
      // Answers from memory at once, and asks Redis: the next call gets the new answer.
      expect(served.isKnown('echo', now + 61_000)).toBe(true);
      await eventually(() => expect(served.isKnown('echo')).toBe(false));
    });
  });
};
