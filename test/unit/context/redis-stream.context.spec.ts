import { BaseRpcContext } from '@nestjs/microservices';
import { RedisStreamContext } from '../../../lib/context/redis-stream.context.js';
import type { DeliveryDetails } from '../../../lib/context/redis-stream.context.js';
import { RedisStreamOptionError } from '../../../lib/errors/option-error.js';

const DETAILS: DeliveryDetails = {
  stream: 'app:order.created',
  pattern: 'order.created',
  id: '1700000000123-4',
  group: 'workers',
  consumer: 'host-1-abc',
  attempt: 2,
  headers: { tenant: 'a' },
  messageId: undefined,
  isRequest: false,
};

const contextWith = (details: Partial<DeliveryDetails> = {}): RedisStreamContext =>
  new RedisStreamContext({ ...DETAILS, ...details });

describe('RedisStreamContext', () => {
  it('is an RPC context of Nest', () => {
    const context = contextWith();
    expect(context).toBeInstanceOf(BaseRpcContext);
    expect(context.getArgs()).toEqual([DETAILS]);
  });

  it('gives the place of the entry and its consumer', () => {
    const context = contextWith();
    expect(context.getStream()).toBe('app:order.created');
    expect(context.getPattern()).toBe('order.created');
    expect(context.getEntryId()).toBe('1700000000123-4');
    expect(context.getConsumerGroup()).toBe('workers');
    expect(context.getConsumer()).toBe('host-1-abc');
    expect(context.getAttempt()).toBe(2);
  });

  it('reads the timestamp from the id of the entry, which is Redis time', () => {
    expect(contextWith().getTimestamp()).toEqual(new Date(1_700_000_000_123));
  });

  it('gives the message id that the sender set, or else the entry id', () => {
    expect(contextWith().getMessageId()).toBe('1700000000123-4');
    expect(contextWith({ messageId: 'order-7' }).getMessageId()).toBe('order-7');
    expect(contextWith({ messageId: 'order-7' }).getEntryId()).toBe('1700000000123-4');
  });

  it('gives the headers as headers and as metadata', () => {
    const context = contextWith();
    expect(context.getHeaders()).toEqual({ tenant: 'a' });
    expect(context.getMetadata()).toBe(context.getHeaders());
    expect(context.getHeader('tenant')).toBe('a');
    expect(context.getHeader('other')).toBeUndefined();
  });

  it('has no metadata where no headers were sent, like the contexts of Nest', () => {
    const context = contextWith({ headers: {} });
    expect(context.getMetadata()).toBeUndefined();
    expect(context.getHeaders()).toEqual({});
  });

  it('gives the fields that another producer added to the data, and none of the transport', () => {
    const otherFields = [
      'data',
      '1',
      'type',
      'created',
      'id',
      '7',
      'mid',
      'm-1',
      '__proto__',
      'x',
      'x-redriven',
      '1-1',
    ];
    const context = contextWith({ otherFields });
    const fields = context.getFields();
    expect({ ...fields }).toEqual({ type: 'created', id: '7' });
    expect(Object.getPrototypeOf(fields)).toBeNull();
    expect(Object.isFrozen(fields)).toBe(true);
    expect(context.getFields()).toBe(fields);
    expect({ ...contextWith({ otherFields, isRequest: true }).getFields() }).toEqual({ type: 'created' });
    expect({ ...contextWith().getFields() }).toEqual({});
  });
});

describe('the signal of a context', () => {
  it('is the same object at each access, and not aborted', () => {
    const context = contextWith();
    const { signal } = context;
    expect(signal.aborted).toBe(false);
    expect(context.signal).toBe(signal);
  });

  it('aborts with the first reason, and notifies listeners once', () => {
    const context = contextWith();
    const reasons: unknown[] = [];
    const { signal } = context;
    signal.addEventListener('abort', () => reasons.push(signal.reason));
    const reason = new Error('the lease is lost');
    context.abort(reason);
    context.abort(new Error('the server stops'));
    expect(reasons).toEqual([reason]);
    expect(() => signal.throwIfAborted()).toThrow(reason);
  });

  it('is already aborted, with the first reason, for a handler that reads it late', () => {
    const context = contextWith();
    const reason = new Error('the lease is lost');
    context.abort(reason);
    context.abort(new Error('the server stops'));
    expect(context.signal.aborted).toBe(true);
    expect(context.signal.reason).toBe(reason);
  });

  it('is created at the first access, so that a handler that ignores it costs no controller', () => {
    const real = globalThis.AbortController;
    let made = 0;
    globalThis.AbortController = class extends real {
      constructor() {
        super();
        made++;
      }
    };
    try {
      const context = contextWith();
      contextWith().abort(new Error('unheard'));
      expect(made).toBe(0);
      expect([context.signal, context.signal]).toHaveLength(2);
      expect(made).toBe(1);
    } finally {
      globalThis.AbortController = real;
    }
  });
});

describe('the decision of a handler', () => {
  it('is undefined at first', () => {
    expect(contextWith().wish).toBeUndefined();
  });

  it('is another attempt, after its own delay or the configured backoff', () => {
    const context = contextWith();
    context.retry();
    expect(context.wish).toEqual({ kind: 'retry', delayMs: undefined });
    context.retry({ delay: 0 });
    expect(context.wish).toEqual({ kind: 'retry', delayMs: 0 });
  });

  it('is a dead letter, with a reason of at most 1,000 characters', () => {
    const context = contextWith();
    context.deadLetter('x'.repeat(5_000));
    expect(context.wish).toEqual({ kind: 'dead-letter', reason: 'x'.repeat(1_000) });
  });

  it('is the last call', () => {
    const context = contextWith();
    context.deadLetter('not ours');
    context.retry({ delay: 5 });
    expect(context.wish).toEqual({ kind: 'retry', delayMs: 5 });
  });

  it.each([-1, 0.5, Number.NaN, Infinity, '5', null, 2 ** 31])('is refused for the delay %p', (delay) => {
    const context = contextWith();
    const decide = (): void => context.retry({ delay: delay as number });
    expect(decide).toThrow(RedisStreamOptionError);
    expect(decide).toThrow(/Expected `delay` to be an integer from 0 to 2147483647, got /);
    expect(context.wish).toBeUndefined();
  });

  it('is refused for a request, whose caller waits for an answer', () => {
    const context = contextWith({ isRequest: true });
    expect(() => context.retry()).toThrow('`ctx.retry()` is for events');
    expect(() => context.deadLetter('no')).toThrow('`ctx.deadLetter()` is for events');
    expect(context.wish).toBeUndefined();
  });
});
