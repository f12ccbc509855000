import { exceedsBytes, isDeepForeignJson, isDeepJson, parseJson } from '../../../lib/codec/json.js';
import { SeededRandom } from '../support/random.js';

const nested = (open: string, close: string, levels: number, core = ''): string =>
  open.repeat(levels) + core + close.repeat(levels);

describe('parseJson', () => {
  it.each(['null', 'true', '-1.5e3', '"text"', '[]', '{}', '[1,{"a":[null]}]', ' {"a" : 1} '])(
    'reads %s as JSON.parse does',
    (text) => {
      expect(parseJson(text)).toEqual(JSON.parse(text));
    },
  );

  it.each(['', '{', '[1,]', "{'a':1}", 'undefined', 'NaN', '{"a":1}}', '"open'])('refuses non-JSON %j', (text) => {
    expect(() => parseJson(text)).toThrow(SyntaxError);
  });

  it.each([
    ['arrays', '[', ']', ''],
    ['objects', '{"a":', '}', '1'],
    ['arrays and objects in turn', '[{"a":', '}]', '1'],
  ])('accepts %s up to 64 levels deep and refuses the 65th', (_what, open, close, core) => {
    const perRepeat = open.startsWith('[{') ? 2 : 1;
    expect(() => parseJson(nested(open, close, 64 / perRepeat, core))).not.toThrow();
    expect(() => parseJson(nested(open, close, 64 / perRepeat + 1, core))).toThrow(RangeError);
  });

  it('refuses 100,000 levels without overflowing the stack', () => {
    expect(() => parseJson(nested('[', ']', 100_000))).toThrow('nested deeper than 64 levels');
  });

  it('counts depth, not brackets, and accepts a wide and flat document of any size', () => {
    const wide = `[${Array.from({ length: 1_000 }, () => '[{"a":[]}]').join()}]`;
    expect(parseJson(wide)).toHaveLength(1_000);
  });

  it.each([
    ['brackets', '['.repeat(200)],
    ['quotes and brackets', `"${'['.repeat(200)}"`],
    ['a backslash before the closing quote', `${'['.repeat(200)}\\`],
    ['backslashes and quotes in a row', '\\\\"\\"[\\'.repeat(50)],
  ])('does not mistake %s inside a string for structure', (_what, text) => {
    const document = { text, after: [text] };
    expect(parseJson(JSON.stringify(document))).toEqual(document);
  });

  it('still sees depth that follows a string full of escapes', () => {
    const text = `["\\\\\\"[[\\\\",${nested('[', ']', 64)}]`;
    expect(() => parseJson(text)).toThrow(RangeError);
  });

  it.each([
    ['plain', '{"__proto__":{"isAdmin":true},"a":1}'],
    ['escaped', '{"\\u005f_proto__":{"isAdmin":true},"a":1}'],
    ['escaped in capitals', '{"\\u005F\\u005Fproto\\u005F_":{"isAdmin":true},"a":1}'],
    ['deep inside', '{"a":1,"__proto__":{"__proto__":{"isAdmin":true}}}'],
  ])('drops a key `__proto__` that is %s, so that no copy of the payload gets another prototype', (_how, text) => {
    const parsed = parseJson(text) as object;
    expect(Object.keys(parsed)).toEqual(['a']);
    expect('isAdmin' in Object.assign({}, parsed)).toBe(false);
  });

  it('drops `__proto__` from nested objects and arrays too', () => {
    expect(JSON.stringify(parseJson('{"list":[{"__proto__":1,"b":2}],"c":{"__proto__":[]}}'))).toBe(
      '{"list":[{"b":2}],"c":{}}',
    );
  });

  it('leaves text alone that only mentions __proto__', () => {
    expect(parseJson('{"a":"__proto__ and \\u005f"}')).toEqual({ a: '__proto__ and _' });
  });

  it('costs little more for a large text that mentions __proto__', () => {
    const rows = Array.from({ length: 10_000 }, (_, i) => ({ id: i, name: 'user', tags: ['a', 'b'], n: { x: 1 } }));
    const text = JSON.stringify({ note: 'never use __proto__', rows });
    const fastest = (parse: () => unknown): number =>
      Math.min(
        ...Array.from({ length: 25 }, () => {
          const start = performance.now();
          parse();
          return performance.now() - start;
        }),
      );
    expect(fastest(() => parseJson(text))).toBeLessThan(3 * fastest(() => JSON.parse(text) as unknown));
  });

  it('restores what JSON.stringify wrote, for random documents of allowed depth', () => {
    const random = new SeededRandom(1);
    for (let round = 0; round < 300; round++) {
      const document = randomDocument(random, random.integer(1, 12));
      const text = JSON.stringify(document);
      expect(JSON.stringify(parseJson(text))).toBe(text);
    }
  });
});

describe('the depth of a written value', () => {
  const deep = (levels: number, core: unknown = 1): unknown =>
    Array.from({ length: levels }).reduce((inner: unknown, _, i) => (i % 2 === 0 ? [inner] : { a: inner }), core);
  const isDeep = (value: unknown): boolean => isDeepJson(value, JSON.stringify(value));
  const wide = Array.from({ length: 100 }, () => ({ a: [] }));

  it('is the nesting of the value, with a limit of 64 levels', () => {
    expect(isDeep(deep(64, 'x'.repeat(200)))).toBe(false);
    expect(isDeep(deep(65, 'x'.repeat(200)))).toBe(true);
    expect(isDeep([wide, deep(63)])).toBe(false);
    expect(isDeep([wide, deep(64)])).toBe(true);
  });

  it('counts what toJSON returns, and not what it hides', () => {
    expect(isDeep({ wide, a: { toJSON: () => deep(64) } })).toBe(true);
    expect(isDeep({ wide, a: { toJSON: () => 1, hidden: deep(70) } })).toBe(false);
    expect(isDeep({ wide, a: Object.assign(() => 1, { toJSON: () => deep(64) }) })).toBe(true);
    expect(isDeep({ wide, at: new Date(), a: deep(62) })).toBe(false);
  });

  it('counts only what JSON.stringify writes', () => {
    const inherited = Object.assign(Object.create({ base: deep(70) }) as object, { wide });
    expect(isDeep(inherited)).toBe(false);
    expect(isDeep({ wide, map: new Map([['a', deep(70)]]) })).toBe(false);
  });

  it('counts for the text of a serializer only where the text is JSON', () => {
    expect(isDeepForeignJson(nested('[', ']', 65))).toBe(true);
    expect(isDeepForeignJson(nested('[', ']', 64))).toBe(false);
    expect(isDeepForeignJson('['.repeat(200))).toBe(false);
  });
});

describe('exceedsBytes', () => {
  it.each([
    ['', 0, false],
    ['abc', 3, false],
    ['abcd', 3, true],
    ['é', 2, false],
    ['é', 1, true],
    ['€€', 6, false],
    ['€€', 5, true],
    ['😀', 4, false],
    ['😀', 3, true],
  ])('measures %j against %i bytes of UTF-8', (text, maxBytes, exceeds) => {
    expect(exceedsBytes(text, maxBytes)).toBe(exceeds);
  });

  it('agrees with Buffer.byteLength around the limit for random text', () => {
    const random = new SeededRandom(2);
    for (let round = 0; round < 500; round++) {
      const text = random.text('aé€😀', random.integer(0, 20));
      const bytes = Buffer.byteLength(text);
      for (const limit of [bytes - 1, bytes, bytes + 1]) expect(exceedsBytes(text, limit)).toBe(bytes > limit);
    }
  });
});

function randomDocument(random: SeededRandom, depth: number): unknown {
  const kind = random.integer(0, depth === 0 ? 2 : 4);
  const children = Array.from({ length: random.integer(0, 3) }, () => random.text('ab"\\[]{}_\n€', 6));
  switch (kind) {
    case 0:
      return random.integer(-9, 9);
    case 1:
      return random.text('ab"\\[]{}\n€😀', random.integer(0, 40));
    case 2:
      return null;
    case 3:
      return children.map(() => randomDocument(random, depth - 1));
    default:
      return Object.fromEntries(children.map((name) => [name, randomDocument(random, depth - 1)]));
  }
}
