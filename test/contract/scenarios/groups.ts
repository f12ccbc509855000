import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { RedisStreamContext } from 'nestjs-redis-stream-transport';
import { ask, tell } from '../../support/calls.js';
import { eventually } from '../../support/eventually.js';
import { entriesOf, infoOf, settled } from '../../support/stream-view.js';
import type { Topic } from './topic.js';

const FAST = { backoff: { delay: 10, maxDelay: 20 } };
let seen: string[] = [];

function listener(name: string): new () => object {
  @Controller()
  class Listener {
    @EventPattern('news')
    hear(@Payload() data: unknown): void {
      seen.push(`${name} ${String(data)}`);
    }
  }
  return Listener;
}

export const groups: Topic = (stage) => {
  beforeEach(() => {
    seen = [];
  });

  describe('groups', () => {
    it('deliver each event once to each of two services on one stream', async () => {
      await stage.serve([listener('mail')], { option: { consumerGroup: 'mail' } });
      await stage.serve([listener('sms')], { option: { consumerGroup: 'sms' } });
      const client = stage.client();
      for (const n of [1, 2, 3]) await tell(client, 'news', n);
      for (const group of ['mail', 'sms']) await settled(stage.at('news'), 'news', group);
      expect(seen.toSorted()).toEqual(['mail 1', 'mail 2', 'mail 3', 'sms 1', 'sms 2', 'sms 3']);
    });

    it('share their events between two instances of one service', async () => {
      await stage.serve([listener('one')]);
      await stage.serve([listener('two')]);
      const client = stage.client();
      for (let n = 0; n < 200; n += 1) client.emit('news', n);
      await eventually(() => expect(seen).toHaveLength(200));
      await settled(stage.at('news'), 'news');
      expect(new Set(seen.map((line) => line.split(' ')[1])).size).toBe(200);
      expect((await infoOf(stage.at('news'), 'CONSUMERS', 'news', 'service')).length).toBe(2);
    });

    it('keep the failures, retries and dead letters of a handler with its own group separate', async () => {
      @Controller()
      class Campaign {
        @EventPattern<string>('campaign.sent')
        count(@Payload() _data: unknown, @Ctx() ctx: RedisStreamContext): void {
          seen.push(`count ${ctx.getConsumerGroup()} ${ctx.getAttempt()}`);
        }

        @EventPattern<string>('campaign.sent', { group: 'audit', maxAttempts: 2, ...FAST })
        audit(@Payload() _data: unknown, @Ctx() ctx: RedisStreamContext): void {
          seen.push(`audit ${ctx.getConsumerGroup()} ${ctx.getAttempt()}`);
          throw new Error('the auditor is ill');
        }
      }
      await stage.serve([Campaign]);
      await tell(stage.client(), 'campaign.sent', 1);
      await eventually(async () => expect(await stage.at('{campaign.sent}:dead').xlen('{campaign.sent}:dead')).toBe(1));
      for (const group of ['service', 'audit']) await settled(stage.at('campaign.sent'), 'campaign.sent', group);
      expect(seen.toSorted()).toEqual(['audit audit 1', 'audit audit 2', 'count service 1']);
      const [dead] = await entriesOf(stage.at('{campaign.sent}:dead'), '{campaign.sent}:dead');
      expect(dead?.fields).toMatchObject({ 'x-group': 'audit', 'x-attempts': '2' });
    });

    it('run each of several handlers of one event once, in one class, in two classes and in their own groups', async () => {
      @Controller()
      class First {
        @EventPattern('news')
        a(@Payload() _data: unknown): void {
          seen.push('a');
        }

        @EventPattern('news')
        b(@Payload() _data: unknown): void {
          seen.push('b');
        }

        @EventPattern('news', { group: 'own' })
        c(@Payload() _data: unknown): void {
          seen.push('c');
        }
      }

      @Controller()
      class Second {
        @EventPattern('news')
        d(@Payload() _data: unknown): void {
          seen.push('d');
        }

        @EventPattern('news', { group: 'own' })
        e(@Payload() _data: unknown): void {
          seen.push('e');
        }

        @EventPattern('news', { group: 'third' })
        f(@Payload() _data: unknown): void {
          seen.push('f');
        }
      }
      await stage.serve([First, Second]);
      await tell(stage.client(), 'news', 1);
      for (const group of ['service', 'own', 'third']) {
        await eventually(() => settled(stage.at('news'), 'news', group));
      }
      expect(seen.toSorted()).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    });

    it('apply the startFrom and the concurrency of a handler to that handler only', async () => {
      let running = 0;
      let most = 0;

      @Controller()
      class Careful {
        @EventPattern('jobs', { group: 'narrow', concurrency: 2 })
        async narrow(@Payload() _data: unknown): Promise<void> {
          most = Math.max(most, ++running);
          await new Promise((resolve) => setTimeout(resolve, 1));
          running -= 1;
          seen.push('narrow');
        }

        @EventPattern('jobs', { group: 'late', startFrom: '$' })
        late(@Payload() data: unknown): void {
          seen.push(`late ${String(data)}`);
        }
      }
      const client = stage.client();
      for (let n = 0; n < 50; n += 1) await tell(client, 'jobs', n);
      await stage.serve([Careful]);
      await tell(client, 'jobs', 'new');
      for (const group of ['narrow', 'late']) await settled(stage.at('jobs'), 'jobs', group);
      expect(seen.filter((line) => line === 'narrow')).toHaveLength(51);
      expect(seen.filter((line) => line.startsWith('late'))).toEqual(['late new']);
      expect(most).toBe(2);
    });

    it('limit a request handler to its own concurrency', async () => {
      let running = 0;
      let most = 0;

      @Controller()
      class Single {
        @MessagePattern('one.by.one', { concurrency: 1 })
        async handle(@Payload() n: number): Promise<number> {
          most = Math.max(most, ++running);
          await new Promise((resolve) => setImmediate(resolve));
          running -= 1;
          return n;
        }
      }
      await stage.serve([Single]);
      const client = stage.client();
      const numbers = Array.from({ length: 30 }, (_, n) => n);
      await expect(Promise.all(numbers.map((n) => ask(client, 'one.by.one', n)))).resolves.toEqual(numbers);
      expect(most).toBe(1);
    });

    it('give a later group the events that earlier groups have settled and retention keeps', async () => {
      const client = stage.client();
      const first = await stage.serve([listener('first')], { option: { consumerGroup: 'first' } });
      for (const n of [1, 2]) await tell(client, 'news', n);
      await settled(stage.at('news'), 'news', 'first');
      await first.close();
      await stage.serve([listener('second')], { option: { consumerGroup: 'second' } });
      await settled(stage.at('news'), 'news', 'second');
      expect(seen.filter((line) => line.startsWith('second'))).toEqual(['second 1', 'second 2']);
    });

    it.each([
      ['concurrency', { concurrency: 0 }],
      ['maxAttempts', { maxAttempts: 'many' }],
      ['group', { group: '' }],
      ['backoff', { backoff: { delay: -1 } }],
    ])('refuse an invalid %s in the extras of a handler before anything is read', async (name, extras) => {
      @Controller()
      class Wrong {
        @EventPattern('news', extras)
        wrong(@Payload() _data: unknown): void {}
      }
      const { app } = await stage.prepare([Wrong]);
      await expect(app.listen()).rejects.toThrow(name);
      expect(await stage.at('news').exists('news')).toBe(0);
    });
  });
};
