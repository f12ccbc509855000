import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { RedisStreamContext, RedisStreamDeadLetters } from 'nestjs-redis-stream-transport';
import { eventually } from '../support/eventually.js';
import { useStage } from '../support/stage.js';
import { settled } from '../support/stream-view.js';

const stage = useStage();
const HEADER = 'x-nestjs-redis-stream-header';
const seen: unknown[] = [];

@Controller()
class Handlers {
  @EventPattern('stream-1')
  event(@Payload() data: unknown): void {
    seen.push(data);
  }

  @MessagePattern('stream-2')
  request(@Payload() data: unknown): unknown {
    seen.push(data);
    return data;
  }

  @EventPattern<string>('plain')
  plain(@Payload() data: unknown, @Ctx() ctx: RedisStreamContext): void {
    seen.push({ data, fields: { ...ctx.getFields() } });
  }
}

beforeEach(() => {
  seen.length = 0;
});

describe('entries that the earlier transporter left in a stream', () => {
  it('reach the handler as they were sent: arrays of values, of objects, and plain values', async () => {
    const add = (...fields: string[]): Promise<string | null> => stage.raw.xadd('stream-1', '*', ...fields);
    await add('0', '1', '1', '"two"', '2', '{"three":[3]}', HEADER, '{"isArray":true}');
    await add(HEADER, '{"isArray":true}');
    await add('0', '42', HEADER, '{"isPrimitive":true}');
    await add('0', 'hello', HEADER, '{"isPrimitive":true}');
    await stage.serve([Handlers], { option: { concurrency: 1 } });
    await eventually(() => expect(seen).toEqual([[1, 'two', { three: [3] }], [], 42, 'hello']));
    await settled(stage.raw, 'stream-1');
    expect(await stage.raw.exists('{stream-1}:dead')).toBe(0);
  });

  it('become dead letters without a run when they are requests, since their callers could not read the answer', async () => {
    const header = JSON.stringify({ correlationId: '0b8d5e0e-0f3c-4a7b-9d53-2f3a3b1c4d5e' });
    await stage.raw.xadd('stream-2', '*', 'num', '1', 'str', '"s"', HEADER, header);
    await stage.serve([Handlers]);
    const letters = new RedisStreamDeadLetters({ connection: stage.connection });
    stage.owns(() => letters.close());
    const [letter] = await eventually(async () => {
      const { letters: found } = await letters.list('stream-2');
      expect(found).toHaveLength(1);
      return found;
    });
    expect(letter).toMatchObject({
      reason: 'undecodable',
      error: expect.stringContaining('request of another transporter'),
    });
    await settled(stage.raw, 'stream-2');
    expect(seen).toEqual([]);
  });

  it('are read like entries of any producer when they are events with an object, which have no header', async () => {
    await stage.raw.xadd('plain', '*', 'num', '1', 'str', '"s"');
    await stage.serve([Handlers]);
    const fields = { num: '1', str: '"s"' };
    await eventually(() => expect(seen).toEqual([{ data: fields, fields }]));
  });
});

describe('fields that a foreign producer adds to data', () => {
  it('reach the handler by ctx.getFields()', async () => {
    await stage.raw.xadd('plain', '*', 'EventTypeName', 'CustomerCreated', 'data', '{"a":1}', 'id', '7', 'mid', 'm-1');
    await stage.serve([Handlers]);
    const fields = { EventTypeName: 'CustomerCreated', id: '7' };
    await eventually(() => expect(seen).toEqual([{ data: { a: 1 }, fields }]));
  });
});
