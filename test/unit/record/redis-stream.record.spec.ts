import { RedisStreamOptionError } from '../../../lib/errors/option-error.js';
import { RedisStreamRecord, RedisStreamRecordBuilder } from '../../../lib/record/redis-stream.record.js';

describe('RedisStreamRecordBuilder', () => {
  it('builds a record from data only', () => {
    const record = new RedisStreamRecordBuilder({ a: 1 }).build();
    expect(record).toBeInstanceOf(RedisStreamRecord);
    expect(record).toEqual({ data: { a: 1 }, headers: undefined, messageId: undefined, timeout: undefined });
  });

  it('builds a record from everything that was set', () => {
    const record = new RedisStreamRecordBuilder<string>()
      .setData('hello')
      .setHeaders({ tenant: 'a' })
      .setHeader('trace', '7')
      .setMessageId('order-7')
      .setTimeout(250)
      .build();
    expect(record).toEqual({
      data: 'hello',
      headers: { tenant: 'a', trace: '7' },
      messageId: 'order-7',
      timeout: 250,
    });
  });

  it('replaces all headers with setHeaders and one with setHeader', () => {
    const builder = new RedisStreamRecordBuilder(1).setHeader('old', '1').setHeaders({ a: '1', b: '1' });
    expect(builder.setHeader('a', '2').build().headers).toEqual({ a: '2', b: '1' });
  });

  it('accepts falsy data', () => {
    for (const data of [0, '', false, null])
      expect(new RedisStreamRecordBuilder().setData(data).build().data).toBe(data);
  });

  it('does not change a record that it built before', () => {
    const builder = new RedisStreamRecordBuilder(1).setHeader('a', '1');
    const first = builder.build();
    builder.setHeader('a', '2').setHeader('b', '2').setData(2).setMessageId('later').setTimeout(1);
    expect(first).toEqual({ data: 1, headers: { a: '1' }, messageId: undefined, timeout: undefined });
  });

  it('does not change the headers that it was given', () => {
    const headers = Object.freeze({ a: '1' });
    new RedisStreamRecordBuilder(1).setHeaders(headers).setHeader('b', '2');
    expect(headers).toEqual({ a: '1' });
  });

  it('accepts a timeout of 0, which waits forever', () => {
    expect(new RedisStreamRecordBuilder(1).setTimeout(0).build().timeout).toBe(0);
  });

  it.each([-1, 1.5, Number.NaN, Infinity, '100', null, 2 ** 31])('refuses the timeout %p', (timeout) => {
    const set = (): unknown => new RedisStreamRecordBuilder(1).setTimeout(timeout as number);
    expect(set).toThrow(RedisStreamOptionError);
    expect(set).toThrow(/Expected `timeout` to be an integer from 0 to 2147483647, got /);
  });

  it.each([7, undefined, null, {}, ['a']])('refuses the header %p and names it', (value) => {
    const set = (): unknown => new RedisStreamRecordBuilder(1).setHeader('tenant', value as string);
    expect(set).toThrow(/Expected `headers.tenant` to be a string, got /);
    expect(() => new RedisStreamRecordBuilder(1).setHeaders({ tenant: value as string })).toThrow(/headers\.tenant/);
  });

  it.each(['', 7, undefined, null, 'order \ud800'])('refuses the message id %p', (messageId) => {
    const set = (): unknown => new RedisStreamRecordBuilder(1).setMessageId(messageId as string);
    expect(set).toThrow(/Expected `messageId` to be a non-empty, well-formed string, got /);
  });

  it('is optional, since the constructor of a record takes one object and validates it in the same way', () => {
    const record = new RedisStreamRecord({ data: 1, headers: { a: '1' }, messageId: 'order-7', timeout: 5 });
    expect(record).toEqual(
      new RedisStreamRecordBuilder(1).setHeader('a', '1').setMessageId('order-7').setTimeout(5).build(),
    );
    expect(() => new RedisStreamRecord({ data: 1, messageId: '' })).toThrow(/`messageId`/);
    expect(() => new RedisStreamRecord({ data: 1, timeout: 2 ** 31 })).toThrow(/`timeout`/);
  });

  it('does not let a header change the prototype of the headers', () => {
    const { headers } = new RedisStreamRecordBuilder(1).setHeader('__proto__', 'x').setHeader('a', '1').build();
    expect(Object.getPrototypeOf(headers)).toBe(Object.prototype);
    expect(Object.keys(headers ?? {})).toContain('a');
  });
});
