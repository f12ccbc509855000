import { BadRequestException } from '@nestjs/common';
import { MAX_BODY_DEPTH, ShallowBody } from '../../../apps/shared/http/shallow-body.pipe.js';

const pipe = new ShallowBody();

/** JSON of this many levels around a number. */
const nested = (levels: number, open: string, close: string): unknown =>
  JSON.parse(`${open.repeat(levels)}1${close.repeat(levels)}`);

describe('the depth of a body', () => {
  it.each([
    ['arrays', '[', ']'],
    ['objects', '{"a":', '}'],
  ])('is limited to 32 levels of %s', (_, open, close) => {
    const deepest = nested(MAX_BODY_DEPTH, open, close);
    expect(pipe.transform(deepest, { type: 'body' })).toBe(deepest);
    for (const levels of [MAX_BODY_DEPTH + 1, 40_000]) {
      expect(() => pipe.transform(nested(levels, open, close), { type: 'body' })).toThrow(BadRequestException);
    }
  });

  it('counts the deepest part', () => {
    const body = { flat: [1, { two: null }], deep: nested(MAX_BODY_DEPTH, '[', ']') };
    expect(() => pipe.transform(body, { type: 'body' })).toThrow('deeper than 32 levels');
  });

  it.each([undefined, null, 'text', 5, true, [], {}])('allows %j', (body) => {
    expect(pipe.transform(body, { type: 'body' })).toBe(body);
  });

  it('is not a limit of path and query parameters', () => {
    const value = nested(MAX_BODY_DEPTH + 1, '[', ']');
    expect(pipe.transform(value, { type: 'query' })).toBe(value);
  });
});
