import { decodeMessage } from '../../../lib/codec/entry.codec.js';
import { UndecodableEntryError } from '../../../lib/codec/undecodable-entry.error.js';
import { thrownBy } from '../support/thrown.js';

const HEADER = 'x-nestjs-redis-stream-header';
const decode = (...fields: string[]): ReturnType<typeof decodeMessage> => decodeMessage(fields, 1_000, false);

describe('an entry of the earlier transporter', () => {
  it('decodes to an array where its header says so, with each item read as JSON, in order', () => {
    const items = Array.from({ length: 12 }, (_, i) => ({ n: i, text: `"${i}"` }));
    const fields = items.flatMap((item, i) => [String(i), JSON.stringify(item)]);
    expect(decode(...fields, HEADER, '{"isArray":true}').data).toEqual(items);
    expect(decode(HEADER, '{"isArray":true}').data).toEqual([]);
  });

  it.each([
    ['27', 27],
    ['true', true],
    ['null', null],
    ['hello', 'hello'],
    ['', ''],
  ])('decodes %j as a primitive where its header says so', (text, value) => {
    expect(decode('0', text, HEADER, '{"isPrimitive":true}').data).toBe(value);
  });

  it('keeps properties named like the fields of this transport', () => {
    const fields = ['data', '{"a":1}', 'id', '7', 'reply', '"x"', 'headers', '"h"', 'mid', '"m"', HEADER, '{}'];
    expect(decode(...fields)).toMatchObject({
      data: { data: { a: 1 }, id: 7, reply: 'x', headers: 'h', mid: 'm' },
      request: undefined,
      messageId: undefined,
    });
  });

  it('decodes the same way after a redrive', () => {
    const fields = ['x-only-group', 'mailer', 'x-redriven', '1-1', '0', '1', HEADER, '{"isArray":true}'];
    expect(decode(...fields)).toMatchObject({ data: [1], onlyGroup: 'mailer', messageId: '1-1' });
  });

  it('is refused with instructions when it is a request', () => {
    const error = thrownBy(() => decode('a', '1', HEADER, '{"correlationId":"c-1"}'));
    expect(error).toBeInstanceOf(UndecodableEntryError);
    expect(error.message).toMatch(/request of another transporter.*migrate client and server together/);
  });

  it.each(['', 'secret', '7', 'null', '{"isArray":'])('is refused with the header %j', (header) => {
    const error = thrownBy(() => decode('a', '1', HEADER, header));
    expect(error).toBeInstanceOf(UndecodableEntryError);
    expect(error.message).not.toContain('secret');
  });

  it('is refused when it is nested deeper than 64 levels', () => {
    expect(() => decode('a', '['.repeat(65) + ']'.repeat(65), HEADER, '{}')).toThrow(UndecodableEntryError);
  });
});
