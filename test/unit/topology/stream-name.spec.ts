import { InvalidMessageError } from '../../../lib/errors/transport-errors.js';
import { deadLetterKey, siblingKey } from '../../../lib/topology/keys.js';
import { streamName } from '../../../lib/topology/stream-name.js';

const nameOf = (prefix: string, pattern: unknown): string => streamName(prefix, pattern, 'write');
const served = (pattern: string): string => streamName('', pattern, 'read');

describe('streamName', () => {
  it('puts the prefix in front of the pattern', () => {
    expect(nameOf('', 'sms.send')).toBe('sms.send');
    expect(nameOf('app:', 'sms.send')).toBe('app:sms.send');
    expect(nameOf('app:', '{"cmd":"sum"}')).toBe('app:{"cmd":"sum"}');
  });

  it.each([undefined, null, '', 7, {}, Symbol('x')])('refuses the pattern %p', (pattern) => {
    expect(() => nameOf('', pattern)).toThrow(InvalidMessageError);
  });

  it('refuses a pattern above 1024 bytes, not characters, and quotes only its beginning', () => {
    expect(nameOf('app:', 'é'.repeat(512))).toHaveLength(516);
    expect(() => nameOf('', 'é'.repeat(513))).toThrow(/more than 1024 bytes/);
    expect(() => nameOf('', 'é'.repeat(100_000))).toThrow(/^.{0,160}$/);
  });

  it.each(['a\nb', 'a\u0000', '\u007f', '\u001b[31m'])('refuses the control character in %j', (pattern) => {
    expect(() => nameOf('', pattern)).toThrow(/control character/);
  });

  it('escapes the pattern that it refuses, so that a log entry stays one line', () => {
    expect(() => nameOf('', 'a\nb')).toThrow('The pattern "a\\nb" has a control character');
  });

  it.each(['{"a":{"b":[MAX_DEPTH_REACHED]}}', '{[TOO_MANY_KEYS]}'])(
    'refuses %j, where Nest truncated the pattern and other patterns would share the stream',
    (pattern) => {
      expect(() => nameOf('', pattern)).toThrow(/nested deeper or has more keys/);
    },
  );

  it.each(['a}b', '{}', 'a{}b', '}{'])('refuses %j, a "}" outside a hash tag', (pattern) => {
    expect(() => nameOf('', pattern)).toThrow(/outside a hash tag/);
  });
});

describe('a name that belongs to another stream', () => {
  const SUFFIXES = [
    'later',
    'later:m',
    'high',
    'shape',
    'cron',
    'cron:m',
    'cron:n',
    'mid:120000:7',
    'rate:workers',
    'p:0',
    'p:31',
    'done:workers:60000:7',
    'owner:workers',
    'parked:workers',
    'members:workers',
  ];

  it.each(SUFFIXES)('is refused as a pattern on both sides: %s', (suffix) => {
    for (const stream of ['q', '{t}:q', '{"cmd":"sum"}']) {
      const sibling = siblingKey(stream, suffix);
      expect(() => nameOf('', sibling)).toThrow(InvalidMessageError);
      expect(() => nameOf('', sibling)).toThrow(`with ":${suffix}" after a hash tag it belongs to another stream`);
      expect(() => served(sibling)).toThrow(InvalidMessageError);
    }
  });

  it('may be a dead-letter stream for a handler, but not for a client', () => {
    for (const stream of ['q', '{t}:q']) {
      const dead = deadLetterKey(stream);
      expect(served(dead)).toBe(dead);
      expect(() => nameOf('', dead)).toThrow(/Use the pattern that the dead letters belong to/);
    }
  });

  it.each([
    'job:high',
    'dead',
    'a:dead',
    'p:1',
    '{t}:highway',
    '{t}high',
    '{t}:p:x',
    '{t}:rate:',
    '{t:dead}',
    'x}:mid:a{t}',
  ])('is not %j, which is the sibling of no stream', (pattern) => {
    expect(nameOf('', pattern)).toBe(pattern);
    expect(served(pattern)).toBe(pattern);
  });
});

describe('half of a surrogate pair', () => {
  it.each(['half \ud83d', '\ude00', 'a\ude00\ud83db'])(
    'in %j is refused, since Redis would store another name',
    (pattern) => {
      expect(() => nameOf('', pattern)).toThrow(/has half of a surrogate pair$/);
      expect(() => served(pattern)).toThrow(InvalidMessageError);
    },
  );

  it('is not found in a complete pair', () => {
    expect(nameOf('', 'party.🎉')).toBe('party.🎉');
  });
});
