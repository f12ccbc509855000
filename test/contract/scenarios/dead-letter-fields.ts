import { Controller, Logger } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { InvalidMessageError, RedisStreamContext, RedisStreamDeadLetters } from 'nestjs-redis-stream-transport';
import { failureOf, tell } from '../../support/calls.js';
import { eventually } from '../../support/eventually.js';
import { entriesOf, settled } from '../../support/stream-view.js';
import type { Topic } from './topic.js';

const ONE_RUN = { maxAttempts: 1, sweepInterval: 100 };

const seen: unknown[] = [];
let isBroken = true;

@Controller()
class Orders {
  @EventPattern<string>('order')
  order(@Payload() data: unknown, @Ctx() ctx: RedisStreamContext): void {
    if (isBroken) throw new Error('the database is away');
    seen.push({ data, id: ctx.getMessageId(), fields: { ...ctx.getFields() } });
  }

  @EventPattern<string>('{order}:dead')
  dead(@Payload() data: unknown, @Ctx() ctx: RedisStreamContext): void {
    seen.push({ dead: data, reason: ctx.getFields()['x-reason'] });
  }
}

@Controller()
class OrdersAlone {
  @EventPattern<string>('order')
  order(@Payload() data: unknown, @Ctx() ctx: RedisStreamContext): void {
    if (isBroken) throw new Error('the database is away');
    seen.push({ data, id: ctx.getMessageId(), fields: { ...ctx.getFields() } });
  }
}

export const deadLetterFields: Topic = (stage) => {
  beforeEach(() => {
    seen.length = 0;
    isBroken = true;
  });

  function deadLetters(): RedisStreamDeadLetters {
    const letters = new RedisStreamDeadLetters({ connection: stage.connection });
    stage.owns(() => letters.close());
    return letters;
  }

  describe("an event's own fields", () => {
    const OWN = { 'x-error': 'E-7', 'x-group': 'tenant a', 'x-packed': 'no', 'x-own:x-id': 'odd', type: 'created' };

    it('survive in a dead letter under any name, and come back when it is redriven', async () => {
      await stage.serve([OrdersAlone], { option: ONE_RUN });
      const id = await stage.at('order').xadd('order', '*', 'data', '7', ...Object.entries(OWN).flat());
      const letters = deadLetters();
      await eventually(async () => expect(await letters.count('order')).toBe(1));
      const [entry] = await entriesOf(stage.at('{order}:dead'), '{order}:dead');
      expect(entry?.fields).toMatchObject({
        'x-error': expect.stringMatching(/\w/),
        'x-group': 'service',
        'x-own:x-error': 'E-7',
        'x-own:x-group': 'tenant a',
        'x-own:x-packed': 'no',
        'x-own:x-own:x-id': 'odd',
        type: 'created',
      });
      const letter = await letters.inspect('order', String(entry?.id));
      expect(Object.fromEntries([...(letter?.fields ?? [])].map(([name, value]) => [name, String(value)]))).toEqual({
        data: '7',
        ...OWN,
      });

      await stage.at('order').xtrim('order', 'MAXLEN', 0);
      isBroken = false;
      expect(await letters.redrive('order', String(entry?.id))).toBe(true);
      await eventually(() => expect(seen).toEqual([{ data: 7, id, fields: OWN }]));
      await settled(stage.at('order'), 'order');
    });

    it('come with the first id of the message after any number of redrives', async () => {
      await stage.serve([OrdersAlone], { option: ONE_RUN });
      const letters = deadLetters();
      const id = await stage.at('order').xadd('order', '*', 'data', '7');
      for (let time = 0; time < 2; time++) {
        await eventually(async () => expect(await letters.count('order')).toBe(1));
        await settled(stage.at('order'), 'order');
        await stage.at('order').xtrim('order', 'MAXLEN', 0);
        isBroken = time === 0;
        expect(await letters.redriveAll('order')).toBe(1);
      }
      await eventually(() => expect(seen).toEqual([{ data: 7, id, fields: {} }]));
      expect((await entriesOf(stage.at('order'), 'order'))[0]?.fields).toEqual({
        data: '7',
        'x-only-group': 'service',
        'x-redriven': id,
      });
    });

    it('come back also where they are so many that the letter packs them into one field', async () => {
      await stage.serve([OrdersAlone], { option: ONE_RUN });
      const letters = deadLetters();
      const many = Object.fromEntries(Array.from({ length: 2_100 }, (_, i) => [`f${i}`, String(i)]));
      const own = { ...many, 'x-error': 'E-7', 'x-own:a': 'b' };
      const id = await stage.at('order').xadd('order', '*', 'data', '7', ...Object.entries(own).flat());
      for (let time = 0; time < 2; time++) {
        await eventually(async () => expect(await letters.count('order')).toBe(1));
        await settled(stage.at('order'), 'order');
        await stage.at('order').xtrim('order', 'MAXLEN', 0);
        isBroken = time === 0;
        expect(await letters.redriveAll('order')).toBe(1);
      }
      await eventually(() => expect(seen).toEqual([{ data: 7, id, fields: own }]));
    });
  });

  describe('a letter of an older release', () => {
    it('is redriven like any other', async () => {
      await stage.serve([OrdersAlone], { option: ONE_RUN });
      isBroken = false;
      const about = ['x-stream', 'order', 'x-group', 'service', 'x-id', '5-1', 'x-attempts', '3', 'x-reason', 'failed'];
      await stage
        .at('order')
        .xadd('{order}:dead', '*', 'data', '7', 'mid', 'order-7', ...about, 'x-error', 'no', 'x-failed-at', '');
      const letters = deadLetters();
      expect(await letters.redriveAll('order')).toBe(1);
      await eventually(() => expect(seen).toEqual([{ data: 7, id: 'order-7', fields: {} }]));
      await settled(stage.at('order'), 'order');
    });
  });

  describe('a foreign entry among the dead letters', () => {
    beforeEach(() => Logger.overrideLogger(stage.log));

    const warned = (): string[] =>
      stage.log.lines.filter(({ level, text }) => level === 'warn' && text.startsWith('In "')).map(({ text }) => text);

    async function foreignOnes(): Promise<string[]> {
      const add = (...fields: string[]): Promise<string | null> =>
        stage.at('{order}:dead').xadd('{order}:dead', '*', ...fields);
      const ids = [
        await add('note', 'for the night shift'),
        await add('x-group', 'service', 'data', '1'),
        await add('x-group', 'service', 'x-id', '-', 'data', '1'),
      ];
      return ids.map(String);
    }

    it('is skipped and reported with a count, and does not stop the redrive of letters', async () => {
      const foreign = await foreignOnes();
      await stage.serve([OrdersAlone], { option: ONE_RUN });
      for (let i = 0; i < 150; i++) await stage.at('order').xadd('order', '*', 'data', String(i));
      const letters = deadLetters();
      await eventually(async () => expect(await letters.count('order')).toBe(153));
      await settled(stage.at('order'), 'order');
      isBroken = false;
      expect(await letters.redriveAll('order')).toBe(150);
      expect(warned()).toEqual([expect.stringContaining(`they are skipped: 3, the first is ${foreign[0]}`)]);
      await eventually(() => expect(seen).toHaveLength(150));
      await settled(stage.at('order'), 'order');
      expect((await entriesOf(stage.at('{order}:dead'), '{order}:dead')).map(({ id }) => id)).toEqual(foreign);
    });

    it('is neither listed nor inspected nor redriven, but can be purged', async () => {
      const [first = ''] = await foreignOnes();
      const letters = deadLetters();
      expect((await letters.list('order')).letters.map(({ entryId }) => entryId)).toEqual(['-']);
      expect(await letters.inspect('order', first)).toBeUndefined();
      expect(await letters.redrive('order', first)).toBe(false);
      expect(warned()).toHaveLength(3);
      expect(await letters.count('order')).toBe(3);
      expect(await letters.purge('order', first)).toBe(1);
      expect(await letters.purgeAll('order')).toBe(2);
    });

    it('is distinguished from a letter whose group does not exist, which stays until the group exists again', async () => {
      const { close } = await stage.serve([OrdersAlone], { option: ONE_RUN });
      const letters = deadLetters();
      await tell(stage.client(), 'order', 7);
      await eventually(async () => expect(await letters.count('order')).toBe(1));
      await close();
      await stage.at('order').xgroup('DESTROY', 'order', 'service');
      expect(await letters.redriveAll('order')).toBe(0);
      expect(warned()).toEqual([expect.stringContaining('belong to a group that no longer exists')]);
      await stage.at('order').xgroup('CREATE', 'order', 'service', '$');
      isBroken = false;
      expect(await letters.redriveAll('order')).toBe(1);
      await stage.serve([OrdersAlone], { option: ONE_RUN });
      await eventually(() => expect(seen).toHaveLength(1));
    });
  });

  describe('a letter that cannot be redriven', () => {
    beforeEach(() => Logger.overrideLogger(stage.log));

    const letterOf = (about: Readonly<Record<string, string>>): Promise<string | null> =>
      stage
        .at('{order}:dead')
        .xadd('{order}:dead', '*', ...Object.entries({ data: '7', 'x-id': '5-1', ...about }).flat());

    it('stays a letter where neither its group nor its entry exists any more, since no group would run a copy', async () => {
      await stage.at('order').xgroup('CREATE', 'order', 'other', '0', 'MKSTREAM');
      await letterOf({ 'x-stream': 'order', 'x-group': 'service' });
      const letters = deadLetters();
      expect(await letters.redriveAll('order')).toBe(0);
      expect(await letters.count('order')).toBe(1);
      expect(await stage.at('order').xlen('order')).toBe(0);
      expect(stage.log.text('warn')).toContain('belong to a group that no longer exists');
      await stage.serve([OrdersAlone], { option: ONE_RUN });
      isBroken = false;
      expect(await letters.redriveAll('order')).toBe(1);
      await eventually(() => expect(seen).toHaveLength(1));
      await settled(stage.at('order'), 'order');
    });

    it('does not stop the others, with an impossible id or with packed fields that cannot be unpacked', async () => {
      await stage.at('order').xgroup('CREATE', 'order', 'service', '0', 'MKSTREAM');
      await letterOf({ 'x-stream': 'order', 'x-group': 'service', 'x-id': `${'9'.repeat(30)}-1` });
      await letterOf({ 'x-stream': 'order', 'x-group': 'service', 'x-packed': 'a text' });
      await letterOf({ 'x-stream': 'order', 'x-group': 'service' });
      const letters = deadLetters();
      expect(await letters.redriveAll('order')).toBe(1);
      expect(await letters.count('order')).toBe(2);
      expect(stage.log.text('warn')).toContain('they are skipped: 2');
    });

    it('stays where its event failed in another stream with the same dead-letter stream', async () => {
      for (const stream of ['order', '{order}']) {
        await stage.at(stream).xgroup('CREATE', stream, 'service', '0', 'MKSTREAM');
        await letterOf({ 'x-stream': stream, 'x-group': 'service' });
      }
      const letters = deadLetters();
      expect(await letters.redriveAll('order')).toBe(1);
      expect(stage.log.text('warn')).toContain('failed in another stream (`x-stream`)');
      expect([await stage.at('order').xlen('order'), await stage.at('{order}').xlen('{order}')]).toEqual([1, 0]);
      expect(await letters.redriveAll('{order}')).toBe(1);
      expect([await stage.at('order').xlen('order'), await stage.at('{order}').xlen('{order}')]).toEqual([1, 1]);
    });
  });

  describe('a dead-letter stream', () => {
    it('may be read by a handler', async () => {
      await stage.serve([Orders], { option: ONE_RUN });
      await tell(stage.client(), 'order', 7);
      await eventually(() => expect(seen).toEqual([{ dead: 7, reason: 'failed' }]));
      await settled(stage.at('{order}:dead'), '{order}:dead');
    });

    it('is refused as a pattern by clients and by RedisStreamDeadLetters', async () => {
      const client = stage.client();
      expect(await failureOf(tell(client, '{order}:dead', 7))).toBeInstanceOf(InvalidMessageError);
      const letters = deadLetters();
      for (const call of [letters.list('{order}:dead'), letters.purgeAll('{order}:dead')])
        expect(await failureOf(call)).toBeInstanceOf(InvalidMessageError);
      expect(await stage.keys()).toEqual([]);
    });
  });
};
