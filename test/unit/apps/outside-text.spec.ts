import { MAX_OUTSIDE_CHARACTERS, printable } from '../../../apps/shared/platform/outside-text.js';

const ESC = '\u001b';

describe('text from outside', () => {
  it.each(['', 'out of credit', 'Číslo neexistuje ✓', '番号がありません', '👩‍👩‍👧 🐎', 'x'.repeat(MAX_OUTSIDE_CHARACTERS)])(
    'stays as it is if it is short and printable: %j',
    (text) => {
      expect(printable(text)).toBe(text);
    },
  );

  it.each([
    ['a line break', 'no\nERROR all is lost', String.raw`no\u000aERROR all is lost`],
    ['a carriage return', 'no\rok', String.raw`no\u000dok`],
    ['a color', `${ESC}[31mred${ESC}[0m`, String.raw`\u001b[31mred\u001b[0m`],
    ['a terminal command of one byte', 'a\u009b2Jb', String.raw`a\u009b2Jb`],
    ['NUL and DEL', 'a\u0000b\u007fc', String.raw`a\u0000b\u007fc`],
    ['the line separators of Unicode', 'a\u2028b\u2029c\u0085d', String.raw`a\u2028b\u2029c\u0085d`],
    ['a turn of the reading direction', 'a\u202eb\u2066c', String.raw`a\u202eb\u2066c`],
    ['half a surrogate pair', `a${String.fromCharCode(0xd83d)}b`, 'a\\ud83db'],
  ])('is escaped where it holds %s', (_what, text, expected) => {
    expect(printable(text)).toBe(expected);
  });

  it('is cut off after 200 characters, its escapes included', () => {
    expect(printable('x'.repeat(201))).toBe(`${'x'.repeat(199)}…`);
    expect(printable('\n'.repeat(34))).toBe(`${String.raw`\u000a`.repeat(33)}…`);
    expect(printable('x'.repeat(5), 4)).toBe('xxx…');
  });

  it('is never cut within a character', () => {
    expect(printable('xx🐎🐎', 4)).toBe('xx…');
    expect(printable('x🐎🐎🐎', 4)).toBe('x🐎…');
    expect(printable('🐎🐎🐎', 4)).toBe('🐎…');
  });

  it('is shown the same the second time', () => {
    const shown = printable(`${ESC}[1m${'long '.repeat(100)}`);
    expect(printable(shown)).toBe(shown);
  });

  it('is cut off in no time, however long it is', () => {
    const started = performance.now();
    expect(printable('\n'.repeat(50_000_000))).toHaveLength(MAX_OUTSIDE_CHARACTERS - 1);
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});
