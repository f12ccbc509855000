import { Controller } from '@nestjs/common';
import type { Type } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { RedisStreamContext } from 'nestjs-redis-stream-transport';
import { concatMap, delay, from, of } from 'rxjs';
import type { Observable } from 'rxjs';
import { setTimeout as pause } from 'node:timers/promises';
import { ask, askAll } from '../support/calls.js';
import { deferred } from '../support/deferred.js';
import { eventually } from '../support/eventually.js';
import { linkOf } from '../support/role-proxy.js';
import { requestIn } from '../support/raw-request.js';
import { useStage } from '../support/stage.js';
import { pendingOf, settled } from '../support/stream-view.js';

const stage = useStage();
const TEN = Array.from({ length: 10 }, (_, n) => n);
const FAST = { backoff: { delay: 10, maxDelay: 20 }, maxAttempts: 3 };
let audited: unknown[] = [];

beforeEach(() => {
  audited = [];
});

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

const askAllTen = async (): Promise<unknown[]> => {
  const client = stage.client();
  return Promise.all(TEN.map((n) => ask(client, 'price', n)));
};

const PRICES = TEN.map((n) => `price ${n}`);

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
    for (const group of ['service', 'audit']) await settled(stage.raw, 'price', group);
  });

  it('does the same where both groups belong to one application', async () => {
    await stage.serve([Price, auditor({ group: 'audit' })], { option: FAST });
    expect(await askAllTen()).toEqual(PRICES);
    expect(new Set(audited)).toEqual(new Set(TEN));
  });

  it('takes no request from the other group, which may read it later', async () => {
    await stage.raw.xgroup('CREATE', 'price', 'service', '0', 'MKSTREAM');
    await stage.serve([auditor()], { option: { consumerGroup: 'audit' } });
    const answer = ask(stage.client(), 'price', 7);
    await eventually(() => expect(audited).toEqual([7]));
    await eventually(async () => expect(await pendingOf(stage.raw, 'price', 'audit')).toBe(0));
    await requestIn(stage.raw, 'price');
    await stage.serve([Price]);
    expect(await answer).toBe('price 7');
  });

  it('does not answer in its place while Redis has lost all groups and only its own exists again', async () => {
    const { proxy, connection } = await linkOf(stage, 'reader');
    await stage.serve([Price], { connection });
    // Several instances, of which only one creates the group again.
    const option = { consumerGroup: 'audit' };
    for (let instance = 0; instance < 4; instance++) await stage.serve([auditor()], { option });
    const client = stage.client();
    await client.connect();
    proxy.set({ kind: 'blackhole', direction: 'both' });
    await stage.raw.flushall();
    await stage.untilReading(5);
    const answers: Promise<unknown>[] = [];
    // One by one, so that each wakes the reader that has waited longest.
    for (const n of TEN) {
      answers.push(ask(client, 'price', n));
      await eventually(async () => expect(await stage.raw.xlen('price')).toBe(n + 1));
    }
    proxy.heal();
    expect(await Promise.all(answers)).toEqual(PRICES);
  });

  it('does not answer in its place when the other group is suddenly missing', async () => {
    const { proxy, connection } = await linkOf(stage, 'reader');
    await stage.serve([Price], { connection });
    await stage.serve([auditor()], { option: { consumerGroup: 'audit' } });
    const client = stage.client();
    expect(await ask(client, 'price', 1)).toBe('price 1');
    // Longer than the auditor remembers the other group, and than it doubts its own after it has joined.
    await pause(2_100);
    proxy.set({ kind: 'blackhole', direction: 'both' });
    await stage.raw.xgroup('DESTROY', 'price', 'service');
    const answer = ask(client, 'price', 7);
    await eventually(async () => expect(await stage.raw.xlen('price')).toBe(1));
    await pause(100);
    proxy.heal();
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
    for (const group of ['service', 'audit']) await settled(stage.raw, 'watched', group);
  });
});

describe('a group of event handlers that is the only one of its stream', () => {
  it('answers requests, as in Nest', async () => {
    await stage.serve([auditor()], { option: { consumerGroup: 'audit' } });
    expect(await ask(stage.client(), 'price', 1)).toBe('the auditor');
    await settled(stage.raw, 'price', 'audit');
    expect(await stage.raw.xlen('price')).toBe(0);
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
