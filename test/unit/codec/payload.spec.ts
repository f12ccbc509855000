import { inspect } from 'node:util';
import { assertSize, encodeJson, encodePayload, encodeText } from '../../../lib/codec/payload.js';
import { InvalidMessageError, PayloadTooLargeError } from '../../../lib/errors/transport-errors.js';
import { thrownBy } from '../support/thrown.js';

const MAX_BYTES = 1_000;
const deepText = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);

describe('encodeJson', () => {
  it('writes any JSON value, and nothing for undefined', () => {
    expect(encodeJson({ a: [1, null] }, 'The payload', MAX_BYTES)).toBe('{"a":[1,null]}');
    expect(encodeJson(null, 'The payload', MAX_BYTES)).toBe('null');
    expect(encodeJson(undefined, 'The payload', MAX_BYTES)).toBeUndefined();
    expect(encodeJson(() => 1, 'The payload', MAX_BYTES)).toBeUndefined();
  });

  it('refuses a BigInt and a cycle without quoting their content', () => {
    const cycle: Record<string, unknown> = { secret: 'open-sesame' };
    cycle['self'] = cycle;
    for (const value of [{ secret: 'open-sesame', big: 1n }, cycle]) {
      const error = thrownBy(() => encodeJson(value, 'The payload', MAX_BYTES));
      expect(error).toBeInstanceOf(InvalidMessageError);
      expect(error.message).toBe('The payload cannot be written as JSON (TypeError)');
    }
  });

  it('repeats nothing of the error of a toJSON that throws, whatever it throws', () => {
    class LeakError extends Error {
      override name = 'open-sesame';
    }
    for (const thrown of [new Error('open-sesame'), new LeakError('open-sesame'), 'open-sesame', null]) {
      const hostile = {
        toJSON: (): never => {
          throw thrown;
        },
      };
      const error = thrownBy(() => encodeJson(hostile, 'The payload', MAX_BYTES));
      expect(error).toBeInstanceOf(InvalidMessageError);
      expect('cause' in error).toBe(false);
      expect(inspect(error)).not.toContain('open-sesame');
    }
  });

  it('refuses a value nested deeper than receivers accept', () => {
    expect(encodeJson(JSON.parse(deepText(64)), 'The payload', MAX_BYTES)).toBe(deepText(64));
    const error = thrownBy(() => encodeJson(JSON.parse(deepText(65)), 'The payload', MAX_BYTES));
    expect(error).toBeInstanceOf(InvalidMessageError);
    expect(error.message).toBe('The payload is nested deeper than 64 levels, which receivers refuse');
  });

  it('measures bytes, not characters, and names both sizes', () => {
    expect(encodeJson('é'.repeat(499), 'The payload', MAX_BYTES)).toHaveLength(501);
    const error = thrownBy(() => encodeJson('é'.repeat(500), 'The payload', MAX_BYTES));
    expect(error).toBeInstanceOf(PayloadTooLargeError);
    expect(error.message).toMatch(/The payload: 1002 bytes .*1000/);
  });
});

describe('encodeText', () => {
  it('passes on the text of a serializer unchanged', () => {
    for (const text of ['', '<xml/>', 'ü😀', deepText(64), '['.repeat(200)])
      expect(encodeText(text, 'The reply', MAX_BYTES)).toBe(text);
  });

  it('refuses text that is too large, too deep, or cannot be encoded in UTF-8', () => {
    expect(() => encodeText('x'.repeat(1_001), 'The reply', MAX_BYTES)).toThrow(PayloadTooLargeError);
    expect(() => encodeText(deepText(65), 'The reply', MAX_BYTES)).toThrow(/nested deeper than 64 levels/);
    expect(() => encodeText('half a \ud83d', 'The reply', MAX_BYTES)).toThrow(/half of a surrogate pair/);
  });
});

describe('encodePayload', () => {
  const encode = (serialize: (packet: unknown) => unknown, packet: object = { data: 1 }): string | undefined =>
    encodePayload(packet, 'data', 'The payload', { serializer: { serialize }, maxPayloadBytes: MAX_BYTES });

  it('accepts a packet or a text from a serializer', () => {
    expect(encode((packet) => packet)).toBe('1');
    expect(encode((packet) => ({ ...(packet as object), data: [2] }))).toBe('[2]');
    expect(encode(() => '<one/>')).toBe('<one/>');
    expect(encode(() => ({}))).toBeUndefined();
  });

  it('limits the output of a serializer like any payload', () => {
    expect(() => encode(() => 'x'.repeat(1_001))).toThrow(PayloadTooLargeError);
    expect(() => encode(() => ({ data: 'x'.repeat(1_001) }))).toThrow(PayloadTooLargeError);
  });

  it('repeats nothing of the error of a serializer that throws', () => {
    const error = thrownBy(() =>
      encode(() => {
        throw new TypeError('open-sesame');
      }),
    );
    expect(error).toBeInstanceOf(InvalidMessageError);
    expect(error.message).toBe('The payload was refused by the serializer (TypeError)');
    expect(inspect(error)).not.toContain('open-sesame');
  });

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['a number', 7],
    ['a promise', Promise.resolve('late')],
    ['bytes', Buffer.from('1')],
  ])('refuses %s from a serializer, since it would be sent as no data', (_what, result) => {
    expect(() => encode(() => result)).toThrow(/needs a serializer that returns a string or a packet/);
  });
});

describe('assertSize', () => {
  it('returns a text that fits, and refuses one that does not', () => {
    expect(assertSize('abc', 'It', 3)).toBe('abc');
    expect(() => assertSize('abcd', 'It', 3)).toThrow(PayloadTooLargeError);
  });
});
