import { Controller } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { PublishOutcomeUnknownError, PublishRejectedError, RedisStreamError } from 'nestjs-redis-stream-transport';
import { lastValueFrom } from 'rxjs';
import { inspect } from 'node:util';
import { ask, failureOf, tell } from '../../support/calls.js';
import { eventually } from '../../support/eventually.js';
import type { Topic } from './topic.js';

const SECRET = 'card-4111-1111-1111-1111';

@Controller()
class Listener {
  @EventPattern('quiet')
  quiet(@Payload() _data: unknown): void {}

  @MessagePattern('echo')
  echo(@Payload() data: unknown): unknown {
    return data;
  }
}

export const publishing: Topic = (stage) => {
  describe('emit()', () => {
    it('completes when the event is stored, with or without a subscriber', async () => {
      const client = stage.client();
      await lastValueFrom(client.emit('quiet', 1), { defaultValue: undefined });
      expect(await stage.at('quiet').xlen('quiet')).toBe(1);
      client.emit('quiet', 2);
      await eventually(async () => expect(await stage.at('quiet').xlen('quiet')).toBe(2));
    });

    it('fails when Redis refuses because the key has another type', async () => {
      await stage.at('quiet').set('quiet', 'a string');
      const error = await failureOf(tell(stage.client(), 'quiet', SECRET));
      expect(error).toBeInstanceOf(PublishRejectedError);
      expect(error).toBeInstanceOf(RedisStreamError);
      expect(error).toMatchObject({ code: 'PUBLISH_REJECTED', outcome: 'not-stored', retriable: false });
      expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(SECRET);
      expect(JSON.stringify(error)).not.toContain(SECRET);
    });

    it('fails when Redis is out of memory, and works again afterwards', async () => {
      const client = stage.client();
      await tell(client, 'quiet', 0);
      await stage.at('quiet').config('SET', 'maxmemory', '1');
      const error = await failureOf(tell(client, 'quiet', SECRET));
      await stage.at('quiet').config('SET', 'maxmemory', '0');
      expect(error).toBeInstanceOf(PublishRejectedError);
      expect(error).toMatchObject({ retriable: true, outcome: 'not-stored' });
      expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(SECRET);
      await tell(client, 'quiet', 1);
      expect(await stage.at('quiet').xlen('quiet')).toBe(2);
    });

    it('fails when the user has no right to write, naming the command and no argument', async () => {
      const client = stage.client({}, await stage.login('limited', '+@all', '-xadd'));
      const error = await failureOf(tell(client, 'quiet', SECRET));
      expect(error).toBeInstanceOf(PublishRejectedError);
      expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(SECRET);
    });

    it('reports an unknown outcome when its confirmation is lost, and is never sent twice', async () => {
      const proxy = await stage.proxied();
      const client = stage.client({ publishTimeout: 300 }, proxy.connection);
      // A cluster client connects to a node with the first command for it.
      await tell(client, 'quiet', 'before');
      proxy.keepUpstreamOnClientLoss();
      proxy.set({ kind: 'swallowReplies' });
      const failure = failureOf(tell(client, 'quiet', SECRET));
      await eventually(async () => expect(await stage.at('quiet').xlen('quiet')).toBe(2));
      proxy.rst();
      const error = await failure;
      proxy.heal();
      expect(error).toBeInstanceOf(PublishOutcomeUnknownError);
      expect(error).toMatchObject({ code: 'PUBLISH_OUTCOME_UNKNOWN', outcome: 'unknown' });
      expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(SECRET);
      await eventually(() => tell(client, 'quiet', 'after'));
      const bodies = (await stage.at('quiet').xrange('quiet', '-', '+')).map(([, fields]) => fields.join());
      expect(bodies.filter((body) => body.includes(SECRET))).toHaveLength(1);
    });

    it('reports an unknown outcome after publishTimeout when Redis is silent, and later calls use a new socket', async () => {
      const proxy = await stage.proxied();
      const client = stage.client({ publishTimeout: 300 }, proxy.connection);
      await client.connect();
      proxy.set({ kind: 'blackhole', direction: 'both' });
      const started = performance.now();
      expect(await failureOf(tell(client, 'quiet', 1))).toBeInstanceOf(PublishOutcomeUnknownError);
      expect(performance.now() - started).toBeLessThan(2_000);
      proxy.heal();
      await eventually(() => tell(client, 'quiet', 2));
    });

    it('is never delayed by a blocking read of the same process', async () => {
      await stage.serve([Listener], { option: { block: 5_000 } });
      const client = stage.client();
      await ask(client, 'echo', 0);
      const started = performance.now();
      for (let n = 0; n < 100; n += 1) await tell(client, 'quiet', n);
      expect(performance.now() - started).toBeLessThan(2_500);
    });

    it('works again with a client that was closed before', async () => {
      const client = stage.client();
      await tell(client, 'quiet', 1);
      await client.close();
      await tell(client, 'quiet', 2);
      expect(await stage.at('quiet').xlen('quiet')).toBe(2);
    });
  });
};
