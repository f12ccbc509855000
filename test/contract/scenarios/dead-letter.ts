import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import {
  RedisStreamContext,
  RedisStreamRecordBuilder,
  RedisStreamUnrecoverableError,
} from 'nestjs-redis-stream-transport';
import { ask, tell } from '../../support/calls.js';
import { eventually } from '../../support/eventually.js';
import { entriesOf, settled } from '../../support/stream-view.js';
import type { Topic } from './topic.js';

const seen: unknown[] = [];
const FAST = { backoff: { delay: 10, maxDelay: 20 } };

@Controller()
class Fragile {
  @EventPattern<string>('fragile')
  fragile(@Payload() data: unknown, @Ctx() ctx: RedisStreamContext): void {
    seen.push({ data, id: ctx.getMessageId(), attempt: ctx.getAttempt(), headers: { ...ctx.getHeaders() } });
    if (data === 'poison') throw new Error('never works');
  }

  @EventPattern('hopeless')
  hopeless(@Payload() data: unknown): void {
    seen.push(data);
    throw new RedisStreamUnrecoverableError('no use');
  }

  @EventPattern('{tag}.kept')
  tagged(@Payload() _data: unknown): void {
    throw new Error('always');
  }

  @MessagePattern('echo')
  echo(@Payload() data: unknown): unknown {
    return data;
  }
}

export const deadLetters: Topic = (stage) => {
  beforeEach(() => {
    seen.length = 0;
  });

  describe('dead letters', () => {
    it('get an event that fails maxAttempts times, with the same id and headers, and hold up no other', async () => {
      const facts: unknown[] = [];
      const { server } = await stage.serve([Fragile], { option: { ...FAST, maxAttempts: 3 } });
      server.on('retried', (fact) => facts.push(['retried', fact.id, fact.attempt]));
      server.on('deadLettered', (fact) => facts.push(['deadLettered', fact.id, fact.attempt, fact.deadLetterStream]));
      const client = stage.client();
      const poison = new RedisStreamRecordBuilder('poison').setHeader('trace', 't-1').build();
      await tell(client, 'fragile', poison);
      await tell(client, 'fragile', 'innocent');
      await eventually(async () => expect(await stage.at('{fragile}:dead').xlen('{fragile}:dead')).toBe(1));
      await settled(stage.at('fragile'), 'fragile');
      const [entry] = await entriesOf(stage.at('{fragile}:dead'), '{fragile}:dead');
      const id = String(entry?.fields['x-id']);
      const runs = [1, 2, 3].map((attempt) => ({ data: 'poison', id, attempt, headers: { trace: 't-1' } }));
      expect(seen.filter((run) => (run as { data: unknown }).data === 'poison')).toEqual(runs);
      expect(seen.filter((run) => (run as { data: unknown }).data === 'innocent')).toHaveLength(1);
      expect(entry?.fields).toMatchObject({
        data: '"poison"',
        headers: '{"trace":"t-1"}',
        'x-stream': 'fragile',
        'x-group': 'service',
        'x-attempts': '3',
        'x-reason': expect.stringMatching(/\w/),
        'x-error': expect.any(String),
        'x-failed-at': expect.stringMatching(/^\d/),
      });
      expect(facts.map((fact) => JSON.stringify(fact))).toEqual([
        JSON.stringify(['retried', id, 1]),
        JSON.stringify(['retried', id, 2]),
        JSON.stringify(['deadLettered', id, 3, '{fragile}:dead']),
      ]);
    });

    it('are written once per failing group, and no group sees the retries of another', async () => {
      await stage.serve([Fragile], { option: { ...FAST, maxAttempts: 2 } });
      const calm: unknown[] = [];

      @Controller()
      class Calm {
        @EventPattern('fragile')
        hear(@Payload() data: unknown): void {
          calm.push(data);
        }
      }
      await stage.serve([Calm], { option: { consumerGroup: 'calm' } });
      await tell(stage.client(), 'fragile', 'poison');
      await eventually(async () => expect(await stage.at('{fragile}:dead').xlen('{fragile}:dead')).toBe(1));
      await settled(stage.at('fragile'), 'fragile', 'service');
      await settled(stage.at('fragile'), 'fragile', 'calm');
      expect(calm).toEqual(['poison']);
      expect(seen).toHaveLength(2);
    });

    it('get an event at its first attempt when its handler throws an unrecoverable error', async () => {
      await stage.serve([Fragile], { option: FAST });
      await tell(stage.client(), 'hopeless', 1);
      await eventually(async () => expect(await stage.at('{hopeless}:dead').xlen('{hopeless}:dead')).toBe(1));
      await settled(stage.at('hopeless'), 'hopeless');
      expect(seen).toEqual([1]);
      const [entry] = await entriesOf(stage.at('{hopeless}:dead'), '{hopeless}:dead');
      expect(entry?.fields).toMatchObject({ 'x-attempts': '1', 'x-error': expect.stringContaining('no use') });
    });

    it('get an event at its first attempt when isRetriable returns false', async () => {
      const asked: unknown[] = [];
      const isRetriable = (error: unknown): boolean => {
        asked.push(error);
        return false;
      };
      await stage.serve([Fragile], { option: { ...FAST, isRetriable } });
      await tell(stage.client(), 'fragile', 'poison');
      await eventually(async () => expect(await stage.at('{fragile}:dead').xlen('{fragile}:dead')).toBe(1));
      expect(seen).toHaveLength(1);
      expect(asked).toHaveLength(1);
    });

    it('get an undecodable entry at once, with every raw byte, and reading continues', async () => {
      await stage.serve([Fragile]);
      const bytes = Buffer.from([0x7b, 0xff, 0xfe, 0x00, 0xc3, 0x28, 0x0d, 0x0a, 0x80]);
      const name = Buffer.from([0xf0, 0x28, 0x8c, 0x28]);
      const id = await stage.at('fragile').xadd('fragile', '*', 'data', bytes, name, bytes, 'plain', 'text');
      await eventually(async () => expect(await stage.at('{fragile}:dead').xlen('{fragile}:dead')).toBe(1));
      const [dead] = await stage.at('{fragile}:dead').xrangeBuffer('{fragile}:dead', '-', '+');
      const fields = dead?.[1] ?? [];
      expect(fields.slice(0, 6).map((field) => field.toString('hex'))).toEqual(
        [Buffer.from('data'), bytes, name, bytes, Buffer.from('plain'), Buffer.from('text')].map((b) =>
          b.toString('hex'),
        ),
      );
      const [{ fields: notes } = { fields: {} }] = await entriesOf(stage.at('{fragile}:dead'), '{fragile}:dead');
      expect(notes).toMatchObject({ 'x-stream': 'fragile', 'x-group': 'service', 'x-id': id, 'x-attempts': '1' });
      await tell(stage.client(), 'fragile', 'innocent');
      await eventually(() => expect(seen).toHaveLength(1));
      await settled(stage.at('fragile'), 'fragile');
    });

    it.each([
      ['JSON that ends early', ['data', '{"a":']],
      ['headers that are not an object', ['data', '1', 'headers', '[]']],
      ['headers that are not JSON', ['data', '1', 'headers', 'x']],
      ['JSON of 10,000 levels', ['data', '['.repeat(10_000) + ']'.repeat(10_000)]],
    ])('get %s at once, without a run of the handler', async (_name, fields) => {
      await stage.serve([Fragile]);
      await stage.at('fragile').xadd('fragile', '*', ...fields);
      await eventually(async () => expect(await stage.at('{fragile}:dead').xlen('{fragile}:dead')).toBe(1));
      await settled(stage.at('fragile'), 'fragile');
      expect(seen).toEqual([]);
      const [entry] = await entriesOf(stage.at('{fragile}:dead'), '{fragile}:dead');
      expect(entry?.fields[String(fields[0])]).toBe(fields[1]);
      await expect(ask(stage.client(), 'echo', 'alive')).resolves.toBe('alive');
    });

    it('stay in the hash slot of a stream with its own hash tag', async () => {
      await stage.serve([Fragile], { option: { maxAttempts: 1 } });
      await tell(stage.client(), '{tag}.kept', 1);
      await eventually(async () => expect(await stage.at('{tag}.kept:dead').xlen('{tag}.kept:dead')).toBe(1));
      const slots = await Promise.all(['{tag}.kept', '{tag}.kept:dead'].map((key) => slotOf(key)));
      expect(new Set(slots).size).toBe(1);
    });

    it('are not written for entries that were deleted under a dead consumer, which are acked and reported', async () => {
      await stage.at('fragile').xgroup('CREATE', 'fragile', 'service', '0', 'MKSTREAM');
      const id = String(await stage.at('fragile').xadd('fragile', '*', 'data', '1'));
      await stage.at('fragile').xreadgroup('GROUP', 'service', 'dead', 'COUNT', 1, 'STREAMS', 'fragile', '>');
      await stage.at('fragile').xdel('fragile', id);
      const lost: unknown[] = [];
      await stage.serve([Fragile], {
        option: { lease: 500, sweepInterval: 100 },
        prepare: (_app, server) => server.on('entryLost', (fact) => lost.push(fact)),
      });
      await eventually(() => expect(lost).toEqual([{ stream: 'fragile', group: 'service', id }]));
      await settled(stage.at('fragile'), 'fragile');
      expect(seen).toEqual([]);
      expect(await stage.at('{fragile}:dead').exists('{fragile}:dead')).toBe(0);
    });

    it.each([
      ['its retry comes', 300],
      ['the service stops', 60_000],
    ])('are not written for an entry that was deleted before %s, which is acked and reported', async (_when, delay) => {
      const lost: unknown[] = [];
      const { server, close } = await stage.serve([Fragile], { option: { backoff: { delay, maxDelay: delay } } });
      server.on('entryLost', (fact) => lost.push(fact));
      await tell(stage.client(), 'fragile', 'poison');
      await eventually(() => expect(seen).toHaveLength(1));
      const [entry] = await entriesOf(stage.at('fragile'), 'fragile');
      await stage.at('fragile').xdel('fragile', String(entry?.id));
      if (delay > 1_000) await close();
      await eventually(() => expect(lost).toEqual([{ stream: 'fragile', group: 'service', id: entry?.id }]));
      await settled(stage.at('fragile'), 'fragile');
      expect(await stage.at('{fragile}:dead').exists('{fragile}:dead')).toBe(0);
    });

    it('are stored before the ack or not at all: without memory the entry stays', async () => {
      await stage.serve([Fragile], { option: { ...FAST, maxAttempts: 2, sweepInterval: 100 } });
      await tell(stage.client(), 'fragile', 'poison');
      await eventually(() => expect(seen.length).toBeGreaterThan(0));
      await stage.everywhere((redis) => redis.config('SET', 'maxmemory', '1'));
      await eventually(() => expect(seen.length).toBeGreaterThanOrEqual(2));
      const stored = await stage.at('{fragile}:dead').xlen('{fragile}:dead');
      const [pending] = (await stage.at('fragile').xpending('fragile', 'service')) as [number];
      await stage.everywhere((redis) => redis.config('SET', 'maxmemory', '0'));
      expect(stored + pending).toBeGreaterThanOrEqual(1);
      await eventually(async () => expect(await stage.at('{fragile}:dead').xlen('{fragile}:dead')).toBe(1));
      await settled(stage.at('fragile'), 'fragile');
    });
  });

  async function slotOf(key: string): Promise<unknown> {
    return stage
      .at(key)
      .call('CLUSTER', 'KEYSLOT', key)
      .catch(() => /\{(.+?)\}/.exec(key)?.[1]);
  }
};
