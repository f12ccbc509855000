import { Controller } from '@nestjs/common';
import type { Type } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { RedisStreamContext } from 'nestjs-redis-stream-transport';
import { concatMap, delay, from, of } from 'rxjs';
import type { Observable } from 'rxjs';
import { setTimeout as pause } from 'node:timers/promises';
import { ask, askAll } from '../../support/calls.js';
import { deferred } from '../../support/deferred.js';
import { eventually } from '../../support/eventually.js';
import { requestIn } from '../../support/raw-request.js';
import { pendingOf, settled } from '../../support/stream-view.js';
import type { Topic } from './topic.js';

const TEN = Array.from({ length: 10 }, (_, n) => n);
const FAST = { backoff: { delay: 10, maxDelay: 20 }, maxAttempts: 3 };
let audited: unknown[] = [];

/** Answers after a delay, so that another group has time to read the request too. */
@Controller()
class Price {
  @MessagePattern('price')
  async price(@Payload() n: number): Promise<string> {
    await pause(200);
    return `price ${n}`;
  }
}

function auditor(extras: Record<string, unknown> = {}, end: () => unknown = () => 'the auditor'): Type {
  @Controller()
  class Auditor {
    @EventPattern('price', extras)
    see(@Payload() data: unknown): unknown {
      audited.push(data);
      return end();
    }
  }
  return Auditor;
}

const fails = (): never => {
  throw new Error('the auditor is ill');
};

const PRICES = TEN.map((n) => `price ${n}`);

export const secondGroup: Topic = (stage) => {
  beforeEach(() => {
    audited = [];
  });

  const askAllTen = async (): Promise<unknown[]> => {
    const client = stage.client();
    return Promise.all(TEN.map((n) => ask(client, 'price', n)));
  };

  describe('a group of event handlers beside the group that answers requests', () => {
    it.each<[string, () => unknown]>([
      ['completes', () => undefined],
      ['returns a value', () => 'the auditor'],
      ['returns many values', () => from([1, 2, 3])],
      ['fails', fails],
    ])('sees the requests, and answers none of them when it %s', async (_how, end) => {
      await stage.serve([Price]);
      await stage.serve([auditor({}, end)], { option: { ...FAST, consumerGroup: 'audit' } });
      expect(await askAllTen()).toEqual(PRICES);
      expect(new Set(audited)).toEqual(new Set(TEN));
      for (const group of ['service', 'audit']) await settled(stage.at('price'), 'price', group);
    });

    it('does the same where both groups belong to one application', async () => {
      await stage.serve([Price, auditor({ group: 'audit' })], { option: FAST });
      expect(await askAllTen()).toEqual(PRICES);
      expect(new Set(audited)).toEqual(new Set(TEN));
    });

    it('takes no request from the other group, which may read it later', async () => {
      await stage.at('price').xgroup('CREATE', 'price', 'service', '0', 'MKSTREAM');
      await stage.serve([auditor()], { option: { consumerGroup: 'audit' } });
      const answer = ask(stage.client(), 'price', 7);
      await eventually(() => expect(audited).toEqual([7]));
      await eventually(async () => expect(await pendingOf(stage.at('price'), 'price', 'audit')).toBe(0));
      await requestIn(stage.at('price'), 'price');
      await stage.serve([Price]);
      expect(await answer).toBe('price 7');
    });

    it('notices the other group when it starts later', async () => {
      await stage.serve([auditor()], { option: { consumerGroup: 'audit', sweepInterval: 200 } });
      await stage.serve([Price]);
      // The server asks for the groups of the stream with each sweep.
      await pause(1_000);
      expect(await askAllTen()).toEqual(PRICES);
    });
  });

  describe('a request that is cancelled while two groups run it', () => {
    it('ends for the group that would answer, and continues for the group that only reads it', async () => {
      const gate = deferred();
      const signals = new Map<string, AbortSignal>();

      @Controller()
      class Both {
        @MessagePattern('watched')
        answer(@Ctx() ctx: RedisStreamContext): Promise<never> {
          signals.set('service', ctx.signal);
          return new Promise(() => undefined);
        }

        @EventPattern<string>('watched', { group: 'audit' })
        look(@Payload() _data: unknown, @Ctx() ctx: RedisStreamContext): Promise<void> {
          signals.set('audit', ctx.signal);
          return gate.promise;
        }
      }
      stage.owns(() => gate.resolve());
      await stage.serve([Both], { option: { lease: 600, shutdownTimeout: 100 } });
      const subscription = stage
        .client()
        .send('watched', 1)
        .subscribe({ error: () => undefined });
      await eventually(() => expect([...signals.keys()].toSorted()).toEqual(['audit', 'service']));
      subscription.unsubscribe();
      await eventually(() => expect(signals.get('service')?.aborted).toBe(true));
      // The entry is deleted, so renewals have nothing to renew.
      await pause(1_200);
      expect(signals.get('audit')?.aborted).toBe(false);
      gate.resolve();
      for (const group of ['service', 'audit']) await settled(stage.at('watched'), 'watched', group);
    });
  });

  describe('a group of event handlers that is the only one of its stream', () => {
    it('answers requests, as in Nest', async () => {
      await stage.serve([auditor()], { option: { consumerGroup: 'audit' } });
      expect(await ask(stage.client(), 'price', 1)).toBe('the auditor');
      await settled(stage.at('price'), 'price', 'audit');
      expect(await stage.at('price').xlen('price')).toBe(0);
    });
  });

  describe('two groups that both answer requests', () => {
    function parts(name: string): Type {
      @Controller()
      class Parts {
        @MessagePattern('parts')
        parts(): Observable<string> {
          return from(TEN.slice(0, 4)).pipe(concatMap((n) => of(`${name}${n}`).pipe(delay(Math.random() * 20))));
        }
      }
      return Parts;
    }

    const replyOf = (name: string): string[] => TEN.slice(0, 4).map((n) => `${name}${n}`);

    it('never mix their streamed replies: the caller gets one of them whole, or an error with the reason', async () => {
      await stage.serve([parts('A')], { option: { consumerGroup: 'a' } });
      await stage.serve([parts('B')], { option: { consumerGroup: 'b' } });
      const client = stage.client();
      const replies = await Promise.all(TEN.map(() => askAll(client, 'parts', {}).catch((error: Error) => error.name)));
      for (const reply of replies) expect([replyOf('A'), replyOf('B'), 'ReplyInterruptedError']).toContainEqual(reply);
    });
  });
};
