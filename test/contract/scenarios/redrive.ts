import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import {
  RedisStreamContext,
  RedisStreamDeadLetters,
  RedisStreamErrorInterceptor,
  RedisStreamOptionError,
  RedisStreamRecordBuilder,
  RedisStreamUnrecoverableError,
  TransportUnavailableError,
} from 'nestjs-redis-stream-transport';
import type { DeadLetter } from 'nestjs-redis-stream-transport';
import { ask, failureOf, tell } from '../../support/calls.js';
import { eventually } from '../../support/eventually.js';
import { connectedClients } from '../../support/leak-check.js';
import { createApp } from '../../support/nest-app.js';
import type { Service } from '../../support/stage.js';
import { entriesOf, settled } from '../../support/stream-view.js';
import type { Topic } from './topic.js';

const ONE_RUN = { maxAttempts: 1, sweepInterval: 100 };
const FAST = { backoff: { delay: 10, maxDelay: 20 }, sweepInterval: 100 };

interface Run {
  readonly group: string;
  readonly data: unknown;
  readonly entryId: string;
  readonly messageId: string;
  readonly attempt: number;
}

const runs: Run[] = [];
const events: string[] = [];
let isBroken = true;

function note(data: unknown, ctx: RedisStreamContext): void {
  runs.push({
    group: ctx.getConsumerGroup(),
    data,
    entryId: ctx.getEntryId(),
    messageId: ctx.getMessageId(),
    attempt: ctx.getAttempt(),
  });
}

const runsOf = (group: string): Run[] => runs.filter((run) => run.group === group);

@Controller()
class Orders {
  @EventPattern<string>('order')
  order(@Payload() data: unknown, @Ctx() ctx: RedisStreamContext): void {
    note(data, ctx);
    if (isBroken) throw new Error('the database is away');
  }

  @EventPattern<string>('order', { group: 'audit' })
  audit(@Payload() data: unknown, @Ctx() ctx: RedisStreamContext): void {
    note(data, ctx);
  }
}

class OrderGone extends Error {
  readonly code = 'ORDER_GONE';
}

@Controller()
class Deciding {
  @EventPattern<string>('later')
  later(@Payload() delay: number, @Ctx() ctx: RedisStreamContext): void {
    events.push(`later ${ctx.getAttempt()} ${performance.now()}`);
    if (ctx.getAttempt() < 3) ctx.retry({ delay });
  }

  @EventPattern<string>('always.later')
  alwaysLater(@Payload() _data: unknown, @Ctx() ctx: RedisStreamContext): void {
    ctx.retry({ delay: 0 });
  }

  @EventPattern<string>('hopeless')
  hopeless(@Payload() reason: string, @Ctx() ctx: RedisStreamContext): void {
    ctx.deadLetter(reason);
  }

  @EventPattern('gone')
  gone(@Payload() id: string): void {
    throw new OrderGone(`order ${id} is gone`);
  }

  @EventPattern('unrecoverable')
  unrecoverable(@Payload() id: string): void {
    throw new RedisStreamUnrecoverableError({ status: 'error', message: `order ${id} cannot be` });
  }

  @MessagePattern('decides')
  decides(@Payload() method: 'retry' | 'deadLetter', @Ctx() ctx: RedisStreamContext): string {
    try {
      if (method === 'retry') ctx.retry();
      else ctx.deadLetter('no');
    } catch (error) {
      return (error as Error).message;
    }
    return 'taken';
  }
}

async function onlyLetter(letters: RedisStreamDeadLetters, pattern: string): Promise<DeadLetter> {
  const { letters: found } = await eventually(async () => {
    const page = await letters.list(pattern);
    expect(page.letters).toHaveLength(1);
    return page;
  });
  return found[0] as DeadLetter;
}

export const redrive: Topic = (stage) => {
  beforeEach(() => {
    runs.length = 0;
    events.length = 0;
    isBroken = true;
  });

  function deadLetters(option: { prefix?: string; connectTimeout?: number } = {}): RedisStreamDeadLetters {
    const letters = new RedisStreamDeadLetters({ connection: stage.connection, option });
    stage.owns(() => letters.close());
    return letters;
  }

  /** Emits the data and waits until the group `service` has given all of it up. */
  async function fail(letters: RedisStreamDeadLetters, ...data: unknown[]): Promise<Service> {
    const service = await stage.serve([Orders], { option: ONE_RUN });
    const client = stage.client();
    for (const each of data) await tell(client, 'order', each);
    await eventually(async () => expect(await letters.count('order')).toBe(data.length));
    for (const group of ['service', 'audit']) await settled(stage.at('order'), 'order', group);
    return service;
  }

  describe('RedisStreamDeadLetters', () => {
    it('lists the letters of a pattern by pages, oldest first, and counts them', async () => {
      const letters = deadLetters();
      await fail(letters, 1, 2, 3, 4, 5);
      const seen: DeadLetter[] = [];
      let after: string | undefined;
      let pages = 0;
      do {
        const page = await letters.list('order', { after, count: 2 });
        seen.push(...page.letters);
        after = page.next;
        pages += 1;
      } while (after !== undefined);
      // The events failed concurrently, so only the letters have an order.
      expect(seen.map(({ data }) => data).toSorted((a, b) => Number(a) - Number(b))).toEqual([1, 2, 3, 4, 5]);
      const ids = (await entriesOf(stage.at('{order}:dead'), '{order}:dead')).map(({ id }) => id);
      expect(seen.map(({ id }) => id)).toEqual(ids);
      expect(pages).toBe(3);
      expect(await letters.count('order')).toBe(5);
    });

    it('lists the letters newest first on request, by pages in that order', async () => {
      const letters = deadLetters();
      await fail(letters, 1, 2, 3);
      const oldestFirst = (await letters.list('order')).letters.map(({ id }) => id);
      const first = await letters.list('order', { count: 2, newestFirst: true });
      const second = await letters.list('order', { count: 2, newestFirst: true, after: first.next });
      const ids = [...first.letters, ...second.letters].map(({ id }) => id);
      expect(ids).toEqual(oldestFirst.toReversed());
      expect(second.next).toBeUndefined();
      const beyond = await letters.list('order', { newestFirst: true, after: '0-0' });
      expect(beyond).toEqual({ letters: [], next: undefined });
    });

    it('returns nothing for a pattern without letters, and refuses an invalid page size', async () => {
      const letters = deadLetters();
      expect(await letters.list('nothing')).toEqual({ letters: [], next: undefined });
      expect(await letters.count('nothing')).toBe(0);
      expect(await letters.inspect('nothing', '1-1')).toBeUndefined();
      expect(await letters.redrive('nothing', '1-1')).toBe(false);
      expect(await letters.redriveAll('nothing')).toBe(0);
      expect(await letters.purgeAll('nothing')).toBe(0);
      for (const count of [0, -1, 1.5, 1_001]) {
        expect(await failureOf(letters.list('order', { count }))).toBeInstanceOf(RedisStreamOptionError);
      }
      expect(await stage.keys('*nothing*')).toEqual([]);
    });

    it('inspects one letter: where it was, how often it ran, why and when it was given up', async () => {
      const letters = deadLetters();
      const before = Date.now();
      await fail(letters, { id: 7 });
      const [entry] = await entriesOf(stage.at('order'), 'order');
      const { id } = await onlyLetter(letters, 'order');
      const letter = await letters.inspect('order', id);
      expect(letter).toMatchObject({
        id,
        stream: 'order',
        group: 'service',
        entryId: entry?.id,
        attempts: 1,
        reason: 'failed',
        error: expect.stringMatching(/\w/),
        data: { id: 7 },
      });
      expect(letter?.failedAt.getTime()).toBeGreaterThanOrEqual(before - 1_000);
      expect(letter?.failedAt.getTime()).toBeLessThanOrEqual(Date.now() + 1_000);
      expect([...(letter?.fields ?? [])].map(([name, value]) => [name, String(value)])).toEqual([['data', '{"id":7}']]);
    });

    it('keeps the bytes of an undecodable entry', async () => {
      const letters = deadLetters();
      await stage.serve([Orders], { option: ONE_RUN });
      const bytes = Buffer.from([0x7b, 0xff, 0x00, 0x0a, 0x80]);
      await stage.at('order').xadd('order', '*', 'data', bytes);
      await eventually(async () => expect(await letters.count('order')).toBe(2));
      for (const { data, fields, reason } of (await letters.list('order')).letters) {
        expect({ data, reason }).toEqual({ data: undefined, reason: 'undecodable' });
        expect(fields.get('data')?.equals(bytes)).toBe(true);
      }
    });

    it('redrives an entry that is still in its stream: same id, first attempt, only for the group that gave it up', async () => {
      const letters = deadLetters();
      await fail(letters, 'order 1');
      isBroken = false;
      const letter = await onlyLetter(letters, 'order');
      expect(await letters.redrive('order', letter.id)).toBe(true);
      await eventually(() => expect(runsOf('service')).toHaveLength(2));
      await settled(stage.at('order'), 'order');
      const run = { group: 'service', data: 'order 1', entryId: letter.entryId, messageId: letter.entryId, attempt: 1 };
      expect(runsOf('service')).toEqual([run, run]);
      expect(runsOf('audit')).toHaveLength(1);
      expect(await stage.at('order').xlen('order')).toBe(1);
      expect(await letters.count('order')).toBe(0);
      expect(await letters.redrive('order', letter.id)).toBe(false);
    });

    it('redrives an entry that was trimmed in the meantime: a copy, run only by the group that gave it up', async () => {
      const letters = deadLetters();
      await fail(letters, 'order 1');
      await stage.at('order').xtrim('order', 'MAXLEN', 0);
      isBroken = false;
      const letter = await onlyLetter(letters, 'order');
      expect(await letters.redrive('order', letter.id)).toBe(true);
      await eventually(() => expect(runsOf('service')).toHaveLength(2));
      for (const group of ['service', 'audit']) await settled(stage.at('order'), 'order', group);
      expect(runsOf('service')[1]).toMatchObject({ data: 'order 1', attempt: 1 });
      expect(runsOf('service')[1]?.entryId).not.toBe(letter.entryId);
      expect(runsOf('service')[1]?.messageId).toBe(letter.entryId);
      expect(runsOf('audit')).toHaveLength(1);
      expect(await letters.count('order')).toBe(0);
    });

    it('keeps the message id that the sender set, even where the entry was trimmed', async () => {
      const letters = deadLetters();
      await fail(letters, new RedisStreamRecordBuilder('order 1').setMessageId('order-1').setHeader('a', 'b').build());
      await stage.at('order').xtrim('order', 'MAXLEN', 0);
      isBroken = false;
      await letters.redriveAll('order');
      await eventually(() =>
        expect(runsOf('service').map(({ messageId }) => messageId)).toEqual(['order-1', 'order-1']),
      );
      const [copy] = await entriesOf(stage.at('order'), 'order');
      expect(copy?.fields).toMatchObject({ headers: '{"a":"b"}', mid: 'order-1' });
    });

    it('redrives a letter while no server runs, and the next server runs the event', async () => {
      const letters = deadLetters();
      const { close } = await fail(letters, 'order 1');
      await close();
      isBroken = false;
      expect(await letters.redriveAll('order')).toBe(1);
      await stage.serve([Orders], { option: ONE_RUN });
      await eventually(() => expect(runsOf('service')).toHaveLength(2));
      await settled(stage.at('order'), 'order');
    });

    it('redrives every letter once, even when the events fail again', async () => {
      const letters = deadLetters();
      await fail(letters, ...Array.from({ length: 130 }, (_, i) => i));
      expect(await letters.redriveAll('order')).toBe(130);
      await eventually(() => expect(runsOf('service')).toHaveLength(260));
      await eventually(async () => expect(await letters.count('order')).toBe(130));
      isBroken = false;
      expect(await letters.redriveAll('order')).toBe(130);
      await eventually(() => expect(runsOf('service')).toHaveLength(390));
      await settled(stage.at('order'), 'order');
      expect(await letters.count('order')).toBe(0);
      expect(runsOf('audit')).toHaveLength(130);
    });

    it('purges one letter, or all of a pattern', async () => {
      const letters = deadLetters();
      await fail(letters, 1, 2, 3);
      const [first] = (await letters.list('order')).letters;
      const id = String(first?.id);
      for (const wrong of [undefined, '', '-', '+', 'all']) {
        expect(await failureOf(letters.purge('order', wrong as string))).toBeInstanceOf(RedisStreamOptionError);
      }
      expect(await letters.count('order')).toBe(3);
      expect(await letters.purge('order', id)).toBe(1);
      expect(await letters.purge('order', id)).toBe(0);
      expect((await letters.list('order')).letters.map(({ data }) => data)).toEqual([2, 3]);
      expect(await letters.purgeAll('order')).toBe(2);
      expect(await letters.count('order')).toBe(0);
    });

    it('finds the letters of its prefix', async () => {
      await stage.serve([Orders], { option: { ...ONE_RUN, prefix: 'shop:' } });
      await tell(stage.client({ prefix: 'shop:' }), 'order', 1);
      const letter = await onlyLetter(deadLetters({ prefix: 'shop:' }), 'order');
      expect(letter).toMatchObject({ stream: 'shop:order', data: 1 });
      expect(await deadLetters().count('order')).toBe(0);
    });

    it('is provided by a factory, connects with its first use and is closed with the application', async () => {
      const provider = {
        provide: RedisStreamDeadLetters,
        useFactory: () => new RedisStreamDeadLetters({ connection: stage.connection }),
      };
      const { server } = await stage.prepare([], {});
      const app = await createApp(server, { providers: [provider] }, { log: stage.log });
      stage.owns(() => app.close());
      await app.init();
      const connections = async (): Promise<number> =>
        (await stage.everywhere(connectedClients)).flat().filter((line) => line.includes('name=nestjs-redis-stream'))
          .length;
      expect(await connections()).toBe(0);
      expect(await app.get(RedisStreamDeadLetters).count('order')).toBe(0);
      expect(await connections()).toBe(1);
      await app.close();
      await eventually(async () => expect(await connections()).toBe(0));
    });

    it('rejects after connectTimeout where there is no Redis', async () => {
      const connection = await stage.unreachable();
      const letters = new RedisStreamDeadLetters({ connection, option: { connectTimeout: 200 } });
      stage.owns(() => letters.close());
      expect(await failureOf(letters.count('order'))).toBeInstanceOf(TransportUnavailableError);
    });
  });

  describe('a handler', () => {
    it('runs a completed event again with ctx.retry({ delay }), after that delay and as another attempt', async () => {
      await stage.serve([Deciding], { option: FAST });
      await tell(stage.client(), 'later', 150);
      await eventually(() => expect(events).toHaveLength(3));
      await settled(stage.at('later'), 'later');
      const times = events.map((event) => Number(event.split(' ')[2]));
      expect(events.map((event) => event.split(' ')[1])).toEqual(['1', '2', '3']);
      expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(149);
      expect(await stage.at('{later}:dead').exists('{later}:dead')).toBe(0);
    });

    it('makes a dead letter with ctx.retry() in the last attempt', async () => {
      await stage.serve([Deciding], { option: { ...FAST, maxAttempts: 2 } });
      await tell(stage.client(), 'always.later', 1);
      expect(await onlyLetter(deadLetters(), 'always.later')).toMatchObject({ attempts: 2, reason: 'failed' });
      await settled(stage.at('always.later'), 'always.later');
    });

    it('makes a dead letter at once with ctx.deadLetter(reason), with that reason', async () => {
      await stage.serve([Deciding], { option: FAST });
      await tell(stage.client(), 'hopeless', 'no such customer');
      const letter = await onlyLetter(deadLetters(), 'hopeless');
      expect(letter).toMatchObject({ attempts: 1, reason: 'rejected', error: 'no such customer' });
      await settled(stage.at('hopeless'), 'hopeless');
    });

    it('can use neither for a request, whose caller waits for an answer', async () => {
      await stage.serve([Deciding]);
      const client = stage.client();
      expect(await ask(client, 'decides', 'retry')).toContain('`ctx.retry()` is for events');
      expect(await ask(client, 'decides', 'deadLetter')).toContain('`ctx.deadLetter()` is for events');
      expect(await stage.at('{decides}:dead').exists('{decides}:dead')).toBe(0);
    });
  });

  describe('the cause of a dead letter', () => {
    it('goes to option.onDeadLetter and to listeners, once the letter is stored', async () => {
      const told: unknown[] = [];
      const option = {
        ...ONE_RUN,
        onDeadLetter: (letter: unknown) => {
          told.push(letter);
          throw new Error('a broken alarm');
        },
      };
      const { server } = await stage.serve([Orders], { option });
      const heard: unknown[] = [];
      server.on('deadLettered', (letter) => heard.push(letter));
      await tell(stage.client(), 'order', 1);
      const { entryId } = await onlyLetter(deadLetters(), 'order');
      await eventually(() => expect(heard).toHaveLength(1));
      const fact = { stream: 'order', group: 'service', id: entryId, attempt: 1 };
      const [letter] = (await stage.at('{order}:dead').xrange('{order}:dead', '-', '+')) as [
        [id: string, fields: string[]],
      ];
      const why = { reason: 'failed', error: 'Internal server error', letterId: letter[0], failedAt: expect.any(Date) };
      expect(told).toEqual([{ ...fact, deadLetterStream: '{order}:dead', ...why }]);
      expect(heard).toEqual(told);
      expect(stage.log.text('error')).toContain('a broken alarm');
      await settled(stage.at('order'), 'order');
    });

    it('is the error as Nest masks it, unless the interceptor records the original', async () => {
      const asked: unknown[] = [];
      const isRetriable = (error: unknown): boolean => {
        asked.push(error);
        return !(error instanceof OrderGone);
      };
      const option = { ...FAST, maxAttempts: 2, isRetriable };
      const masked = await stage.serve([Deciding], { option });
      await tell(stage.client(), 'gone', 'A1');
      const letters = deadLetters();
      expect(await onlyLetter(letters, 'gone')).toMatchObject({
        attempts: 2,
        reason: 'failed',
        error: 'Internal server error',
      });
      await letters.purgeAll('gone');
      await masked.close();
      asked.length = 0;

      await stage.serve([Deciding], {
        option,
        prepare: (app) => app.useGlobalInterceptors(new RedisStreamErrorInterceptor()),
      });
      await tell(stage.client(), 'gone', 'A2');
      expect(await onlyLetter(letters, 'gone')).toMatchObject({
        attempts: 1,
        reason: 'unrecoverable',
        error: 'order A2 is gone',
      });
      expect(asked).toEqual([expect.any(OrderGone)]);
    });

    it.each([
      ['without', false],
      ['with', true],
    ])('is the message of a RedisStreamUnrecoverableError, %s the interceptor', async (_word, isInstalled) => {
      await stage.serve([Deciding], {
        option: FAST,
        prepare: (app) => isInstalled && app.useGlobalInterceptors(new RedisStreamErrorInterceptor()),
      });
      await tell(stage.client(), 'unrecoverable', 'A1');
      const letter = await onlyLetter(deadLetters(), 'unrecoverable');
      expect(letter).toMatchObject({ attempts: 1, reason: 'unrecoverable', error: 'order A1 cannot be' });
    });
  });
};
