import { Controller } from '@nestjs/common';
import { BaseRpcContext, Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { RedisStreamContext, RedisStreamRecordBuilder, RequestTimeoutError } from 'nestjs-redis-stream-transport';
import { hostname } from 'node:os';
import { ask, failureOf, tell } from '../support/calls.js';
import { eventually } from '../support/eventually.js';
import { useStage } from '../support/stage.js';
import { entriesOf } from '../support/stream-view.js';

const stage = useStage();
const seen: unknown[] = [];

@Controller()
class Reader {
  @MessagePattern('context')
  context(@Payload() data: unknown, @Ctx() ctx: RedisStreamContext): unknown {
    return {
      data,
      stream: ctx.getStream(),
      id: ctx.getMessageId(),
      pattern: ctx.getPattern(),
      group: ctx.getConsumerGroup(),
      consumer: ctx.getConsumer(),
      headers: { ...ctx.getHeaders() },
      missing: ctx.getHeader('constructor') ?? 'missing',
      attempt: ctx.getAttempt(),
      timestamp: Number(ctx.getTimestamp()),
      aborted: ctx.signal.aborted,
      isRpcContext: ctx instanceof BaseRpcContext,
    };
  }

  @EventPattern<string>('event')
  event(@Payload() data: unknown, @Ctx() ctx: RedisStreamContext): void {
    seen.push({ data, headers: { ...ctx.getHeaders() }, one: ctx.getHeader('a') });
  }

  @MessagePattern('silent')
  silent(): Promise<never> {
    return new Promise(() => undefined);
  }
}

beforeEach(() => {
  seen.length = 0;
});

describe('records and contexts', () => {
  it('tell the handler where its message came from', async () => {
    await stage.serve([Reader], { option: { prefix: 'p:' } });
    const before = Date.now();
    const record = new RedisStreamRecordBuilder({ x: 1 }).setHeaders({ a: '1' }).setHeader('b', '2').build();
    const answer = await ask<Record<string, unknown>>(stage.client({ prefix: 'p:' }), 'context', record);
    expect(answer).toEqual({
      data: { x: 1 },
      stream: 'p:context',
      id: expect.stringMatching(/^\d+-\d+$/),
      pattern: 'context',
      group: 'service',
      consumer: expect.stringContaining(hostname()),
      headers: { a: '1', b: '2' },
      missing: 'missing',
      attempt: 1,
      timestamp: expect.any(Number),
      aborted: false,
      isRpcContext: true,
    });
    expect(Math.abs(Number(answer['timestamp']) - before)).toBeLessThan(10_000);
  });

  it('carry headers and a message id with an event', async () => {
    await stage.serve([Reader]);
    const record = new RedisStreamRecordBuilder().setData('payload').setHeader('a', 'ü').setMessageId('m-1').build();
    await tell(stage.client(), 'event', record);
    await eventually(() => expect(seen).toEqual([{ data: 'payload', headers: { a: 'ü' }, one: 'ü' }]));
    const [entry] = await entriesOf(stage.raw, 'event');
    expect(entry?.fields).toEqual({ data: '"payload"', headers: '{"a":"ü"}', mid: 'm-1' });
  });

  it('merge the headers of a record with the metadata of the dispatch hook', async () => {
    await stage.serve([Reader]);
    const client = stage.client();
    client.setOnDispatchHook((packet) => {
      packet.metadata = { trace: 't' };
    });
    await tell(client, 'event', new RedisStreamRecordBuilder(1).setHeader('a', 'b').build());
    await eventually(() => expect(seen).toEqual([{ data: 1, headers: { a: 'b', trace: 't' }, one: 'b' }]));
  });

  it('set the timeout of one request', async () => {
    await stage.serve([Reader], { option: { shutdownTimeout: 0 } });
    const record = new RedisStreamRecordBuilder({}).setTimeout(100).build();
    const started = performance.now();
    expect(await failureOf(ask(stage.client({ requestTimeout: 0 }), 'silent', record))).toBeInstanceOf(
      RequestTimeoutError,
    );
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it.each(['__proto__', 'constructor', 'prototype'])('make a header named %s harmless', async (name) => {
    await stage.serve([Reader]);
    const headers = JSON.stringify({ a: '1' }).replace('"a"', JSON.stringify(name));
    await stage.raw.xadd('event', '*', 'data', '1', 'headers', headers);
    await tell(stage.client(), 'event', 2);
    await eventually(() => expect(seen).toContainEqual({ data: 2, headers: {}, one: undefined }));
    expect(({} as Record<string, unknown>)['1']).toBeUndefined();
  });
});

describe('foreign producers', () => {
  it('need only the field `data`', async () => {
    await stage.serve([Reader]);
    await stage.raw.xadd('event', '*', 'data', '{"from":"elsewhere"}');
    await stage.raw.xadd('event', '*', 'data', '"text"', 'more', 'fields', 'version', '9');
    await eventually(() =>
      expect(seen).toEqual([
        { data: { from: 'elsewhere' }, headers: {}, one: undefined },
        { data: 'text', headers: {}, one: undefined },
      ]),
    );
  });

  it('may omit `data`: the handler gets the fields as an object of strings', async () => {
    await stage.serve([Reader]);
    await stage.raw.xadd('event', '*', 'temperature', '21.5', 'sensor', 'kitchen', 'id', '7');
    await eventually(() =>
      expect(seen).toEqual([
        { data: { temperature: '21.5', sensor: 'kitchen', id: '7' }, headers: {}, one: undefined },
      ]),
    );
  });

  it('may choose the entry id', async () => {
    await stage.serve([Reader]);
    await stage.raw.xadd('event', '3-7', 'data', '1');
    await eventually(() => expect(seen).toHaveLength(1));
  });
});
