import { decodeMessage, decodeReply, encodeMessage, encodeReply, withTtl } from '../../../lib/codec/entry.codec.js';
import type { IncomingMessage, ReplyPart } from '../../../lib/codec/entry.codec.js';
import { UndecodableEntryError } from '../../../lib/codec/undecodable-entry.error.js';
import { InvalidMessageError, PayloadTooLargeError } from '../../../lib/errors/transport-errors.js';
import { thrownBy } from '../support/thrown.js';

const ID = '0b8d5e0e-0f3c-4a7b-9d53-2f3a3b1c4d5e';
const INBOX = '7c1f6a52-93d4-4c1e-8a0b-5d6e7f8091a2';
const MAX_BYTES = 1_000;

const decode = (...fields: string[]): IncomingMessage => decodeMessage(fields, MAX_BYTES, false);

describe('encodeMessage', () => {
  it('writes only the data of an event', () => {
    expect(encodeMessage({ data: '{"a":1}' })).toEqual(['data', '{"a":1}']);
  });

  it('writes an empty field for undefined, since an entry needs at least one field', () => {
    expect(encodeMessage({ data: undefined })).toEqual(['data', '']);
  });

  it('writes a request with its id, its inbox and its ttl', () => {
    expect(withTtl(encodeMessage({ data: '1' }, { id: ID, inbox: INBOX }), 250)).toEqual([
      'data',
      '1',
      'id',
      ID,
      'reply',
      INBOX,
      'ttl',
      '250',
    ]);
  });

  it('omits the ttl of a request that waits forever', () => {
    expect(withTtl(encodeMessage({ data: '1' }, { id: ID, inbox: INBOX }), 0)).not.toContain('ttl');
  });

  it('writes headers as JSON and the message id unchanged', () => {
    expect(encodeMessage({ data: '1', headers: { tenant: 'a' }, messageId: 'order-7' })).toEqual([
      'data',
      '1',
      'headers',
      '{"tenant":"a"}',
      'mid',
      'order-7',
    ]);
  });

  it('refuses a header that is not a string, and names it', () => {
    const headers = { fine: 'yes', count: 7 } as unknown as Record<string, string>;
    const error = thrownBy(() => encodeMessage({ data: '1', headers }));
    expect(error).toBeInstanceOf(InvalidMessageError);
    expect(error.message).toBe('Header "count" must be a string, got number');
  });

  it('refuses headers above 64 KiB', () => {
    const error = thrownBy(() => encodeMessage({ data: '1', headers: { big: 'x'.repeat(65_536) } }));
    expect(error).toBeInstanceOf(PayloadTooLargeError);
    expect(error.message).toContain('the limit for headers (65536)');
  });
});

describe('decodeMessage', () => {
  it('reads what encodeMessage writes', () => {
    const address = { id: ID, inbox: INBOX, ttl: 250 };
    const encoded = encodeMessage({ data: '{"a":1}', headers: { tenant: 'ä' }, messageId: 'order-7' }, address);
    const fields = withTtl(encoded, address.ttl);
    const message = decode(...fields);
    expect({ ...message, headers: { ...message.headers } }).toEqual({
      data: { a: 1 },
      headers: { tenant: 'ä' },
      messageId: 'order-7',
      request: address,
    });
  });

  it('preserves undefined', () => {
    expect(decode(...encodeMessage({ data: undefined })).data).toBeUndefined();
  });

  it('treats an entry as a request only when it has both an id and an inbox', () => {
    expect(decode('data', '1', 'id', 'order-7').request).toBeUndefined();
    expect(decode('data', '1', 'reply', 'somewhere').request).toBeUndefined();
    expect(decode('data', '1', 'id', ID, 'reply', INBOX).request).toEqual({ id: ID, inbox: INBOX, ttl: 0 });
  });

  it('accepts a request without data', () => {
    expect(decode('id', ID, 'reply', INBOX).data).toBeUndefined();
  });

  it('keeps the fields of an entry that has unknown ones, and nothing otherwise', () => {
    const fields = ['data', '1', 'traceparent', '00-abc', '__proto__', 'x'];
    expect(decode(...fields)).toMatchObject({ data: 1, otherFields: fields });
    expect(decode('data', '1', 'id', '7').otherFields).toEqual(['data', '1', 'id', '7']);
    expect(decode('data', '1', 'seq', '7').otherFields).toEqual(['data', '1', 'seq', '7']);
    const ours = ['data', '1', 'headers', '{}', 'mid', 'm', 'x-only-group', 'g', 'x-redriven', '1-1'];
    expect(decode(...ours).otherFields).toBeUndefined();
    expect(decode('data', '1', 'id', ID, 'reply', INBOX, 'ttl', '5').otherFields).toBeUndefined();
  });

  it('gives a redriven copy the id of its original entry as message id, unless the sender set one', () => {
    expect(decode('data', '1', 'x-redriven', '1-1').messageId).toBe('1-1');
    expect(decode('data', '1', 'x-redriven', '1-1', 'mid', 'order-7').messageId).toBe('order-7');
    expect(decode('user', 'ann', 'x-redriven', '1-1')).toMatchObject({ data: { user: 'ann' }, messageId: '1-1' });
  });

  it('returns a foreign entry as an object of its fields', () => {
    expect(decode('user', 'ann', 'text', '{"not":"parsed"}').data).toEqual({ user: 'ann', text: '{"not":"parsed"}' });
  });

  it('reads the only group that a redriven dead letter is for, and hides the field from the handler', () => {
    expect(decode('data', '1').onlyGroup).toBeUndefined();
    expect(decode('data', '1', 'x-only-group', 'mailer').onlyGroup).toBe('mailer');
    expect(decode('user', 'ann', 'x-only-group', 'mailer')).toMatchObject({
      data: { user: 'ann' },
      onlyGroup: 'mailer',
    });
    expect(decode('user', 'ann', 'x-only-group', 'mailer').data).not.toHaveProperty('x-only-group');
  });

  it('does not let a foreign field change the prototype of the object', () => {
    const data = decode('__proto__', 'x', 'constructor', 'y').data as object;
    expect(Object.keys(data)).toEqual(['constructor']);
    expect(Object.getPrototypeOf(data)).toBe(Object.prototype);
  });

  it.each([
    ['a reply that is a key', ['data', '1', 'id', ID, 'reply', 'reply:1'], 'reply'],
    ['a reply that is a uuid of another version', ['data', '1', 'id', ID, 'reply', INBOX.replace('-4', '-1')], 'reply'],
    ['an id that is not a uuid', ['data', '1', 'id', '1', 'reply', INBOX], 'id'],
    ['a ttl that is not a number', ['data', '1', 'id', ID, 'reply', INBOX, 'ttl', 'soon'], 'ttl'],
    ['a negative ttl', ['data', '1', 'id', ID, 'reply', INBOX, 'ttl', '-1'], 'ttl'],
    ['an infinite ttl', ['data', '1', 'id', ID, 'reply', INBOX, 'ttl', 'Infinity'], 'ttl'],
  ])('refuses %s, without an address for an error reply', (_what, fields, culprit) => {
    const error = thrownBy(() => decode(...fields)) as UndecodableEntryError;
    expect(error).toBeInstanceOf(UndecodableEntryError);
    expect(error.message).toContain(`\`${culprit}\``);
    expect(error.request).toBeUndefined();
  });

  it.each([
    ['data that is not JSON', ['data', '{secret']],
    ['data that is too large', ['data', JSON.stringify('x'.repeat(MAX_BYTES))]],
    ['data that is too deep', ['data', '['.repeat(65) + ']'.repeat(65)]],
    ['headers that are not JSON', ['data', '1', 'headers', 'secret']],
    ['headers that are a list', ['data', '1', 'headers', '["secret"]']],
    ['headers that are null', ['data', '1', 'headers', 'null']],
    ['headers with a number', ['data', '1', 'headers', '{"n":1}']],
    ['headers above 64 KiB', ['data', '1', 'headers', JSON.stringify({ big: 'x'.repeat(65_536) })]],
  ])('refuses %s, keeps the address for an error reply, and quotes none of the content', (_what, fields) => {
    const error = thrownBy(() => decode(...fields, 'id', ID, 'reply', INBOX)) as UndecodableEntryError;
    expect(error).toBeInstanceOf(UndecodableEntryError);
    expect(error.request).toEqual({ id: ID, inbox: INBOX, ttl: 0 });
    expect(error.message).not.toContain('secret');
    expect(error.message.length).toBeLessThan(120);
  });

  it('keeps text that is not JSON for a deserializer that asked for it, but still limits depth and size', () => {
    expect(decodeMessage(['data', '<xml/>'], MAX_BYTES, true).data).toBe('<xml/>');
    expect(() => decodeMessage(['data', '['.repeat(65) + ']'.repeat(65)], MAX_BYTES, true)).toThrow(/deeper/);
    expect(() => decodeMessage(['data', 'x'.repeat(MAX_BYTES + 1)], MAX_BYTES, true)).toThrow(/larger/);
  });

  it('returns headers without a prototype, so that a lookup finds only what was sent', () => {
    for (const message of [decode('data', '1'), decode('data', '1', 'headers', '{"a":"b"}'), decode('foreign', '1')]) {
      expect(message.headers['constructor']).toBeUndefined();
      expect(Object.getPrototypeOf(message.headers)).toBeNull();
    }
  });

  it('drops a `__proto__` header', () => {
    expect(Object.keys(decode('data', '1', 'headers', '{"__proto__":"x","a":"b"}').headers)).toEqual(['a']);
  });
});

describe('a reply', () => {
  it.each<[string, ReplyPart]>([
    ['a value', { id: ID, seq: 0, data: '{"a":1}', last: false }],
    ['the last value', { id: ID, seq: 3, data: '1', last: true }],
    ['an error', { id: ID, seq: 1, err: '{"message":"no"}', last: true }],
    ['an end without a value', { id: ID, seq: 0, last: true }],
    ['an empty text', { id: ID, seq: 0, data: '""', last: false }],
  ])('survives a round trip as %s', (_what, part) => {
    expect(decodeReply(encodeReply(part))).toEqual(part);
  });

  it('is an error when it is both an error and a value', () => {
    const part = decodeReply(encodeReply({ id: ID, seq: 0, data: '1', err: '2', last: true }));
    expect(part).toEqual({ id: ID, seq: 0, err: '2', last: true });
  });

  it.each([
    ['no id', ['seq', '0', 'data', '1']],
    ['no number', ['id', ID, 'data', '1']],
    ['a negative number', ['id', ID, 'seq', '-1']],
    ['a fraction', ['id', ID, 'seq', '0.5']],
    ['a word for a number', ['id', ID, 'seq', 'first']],
    ['none of our fields', ['created', '1']],
    ['no fields at all', []],
  ])('is not recognized with %s', (_what, fields) => {
    expect(decodeReply(fields)).toBeUndefined();
  });
});
