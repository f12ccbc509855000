import { inspect } from 'node:util';
import { Cluster, Redis } from 'ioredis';
import { RedisStreamOptionError } from '../../../lib/errors/option-error.js';
import {
  resolveClientOptions,
  resolveHandlerExtras,
  resolveServerOptions,
  unknownExtras,
} from '../../../lib/options/settings.js';
import type { ClientSettings, HandlerSettings, ServerSettings } from '../../../lib/options/settings.js';
import { thrownBy } from '../support/thrown.js';

const connection = { host: '127.0.0.1', port: 6379 };

/** Options as an untyped caller might write them. */
type Loose = Record<string, unknown>;

const server = (option: Loose = {}): ServerSettings =>
  resolveServerOptions({ connection, option: { consumerGroup: 'workers', ...option } });
const client = (option?: Loose): ClientSettings => resolveClientOptions({ connection, option });
const extras = (values: Loose, option: Loose = {}): HandlerSettings => resolveHandlerExtras(values, server(option));

/** Resolves a connection source as a server and as a client. */
const sidesWith = (source: unknown): (() => unknown)[] => [
  () => resolveServerOptions({ connection: source as string, option: { consumerGroup: 'workers' } }),
  () => resolveClientOptions({ connection: source as string }),
];

const messageOf = (call: () => unknown): string => {
  const error = thrownBy(call);
  expect(error).toBeInstanceOf(RedisStreamOptionError);
  return error.message;
};

describe('settings of a server', () => {
  it('default to the documented values', () => {
    expect(server()).toEqual({
      connection,
      prefix: '',
      maxPayloadBytes: 1_048_576,
      connectTimeoutMs: 10_000,
      serializer: undefined,
      deserializer: undefined,
      consumerGroup: 'workers',
      consumer: expect.stringMatching(new RegExp(`-${process.pid}-[0-9a-f]{8}$`)) as string,
      startFrom: '0',
      concurrency: 128,
      blockMs: 5_000,
      leaseMs: 30_000,
      sweepIntervalMs: 5_000,
      maxAttempts: 5,
      backoff: { delayMs: 1_000, maxDelayMs: 60_000 },
      isRetriable: expect.any(Function) as () => boolean,
      onDeadLetter: expect.any(Function) as () => void,
      retention: { maxLength: 10_000, maxAgeMs: undefined },
      consumerTtlMs: 3_600_000,
      groupTtlMs: 0,
      shutdownTimeoutMs: 10_000,
      handlerTimeoutMs: 0,
    });
  });

  it('give every server its own consumer name', () => {
    expect(server().consumer).not.toBe(server().consumer);
  });

  it('treat every error as retriable by default', () => {
    for (const error of [new Error('no'), 'text', null, undefined]) expect(server().isRetriable(error)).toBe(true);
  });

  it('are frozen, and independent of the options object', () => {
    const option = { consumerGroup: 'workers', lease: 1_000 };
    const settings = resolveServerOptions({ connection, option });
    option.lease = 5;
    expect(settings.leaseMs).toBe(1_000);
    expect(Object.isFrozen(settings)).toBe(true);
  });

  it('treat an explicitly undefined option as not given', () => {
    expect(server({ lease: undefined, prefix: undefined, backoff: undefined, retention: undefined })).toMatchObject({
      leaseMs: 30_000,
      prefix: '',
      backoff: { delayMs: 1_000 },
      retention: { maxLength: 10_000 },
    });
  });

  it.each<[string, Loose, Loose]>([
    ['lease', { lease: 500 }, { leaseMs: 500 }],
    ['block', { block: 100 }, { blockMs: 100 }],
    ['sweepInterval', { sweepInterval: 100 }, { sweepIntervalMs: 100 }],
    ['concurrency', { concurrency: 1 }, { concurrency: 1 }],
    ['maxAttempts', { maxAttempts: 1 }, { maxAttempts: 1 }],
    ['consumerTtl', { consumerTtl: 1_000, block: 86_400_000 }, { consumerTtlMs: 1_000 }],
    ['groupTtl', { groupTtl: 1_000 }, { groupTtlMs: 1_000 }],
    ['groupTtl, or 0 for never', { groupTtl: 0 }, { groupTtlMs: 0 }],
    ['shutdownTimeout', { shutdownTimeout: 0 }, { shutdownTimeoutMs: 0 }],
    ['handlerTimeout', { handlerTimeout: 0 }, { handlerTimeoutMs: 0 }],
    ['connectTimeout', { connectTimeout: 0 }, { connectTimeoutMs: 0 }],
    ['maxPayloadBytes', { maxPayloadBytes: 1 }, { maxPayloadBytes: 1 }],
    ['backoff', { backoff: { delay: 0, maxDelay: 0 } }, { backoff: { delayMs: 0, maxDelayMs: 0 } }],
    ['retention', { retention: { maxLength: 0, maxAge: 1 } }, { retention: { maxLength: 0, maxAgeMs: 1 } }],
  ])('accept the minimum of %s', (_name, option, settings) => {
    expect(server(option)).toMatchObject(settings);
  });

  it.each(['0', '$', '7', '1700000000123-4'])('let a group start from %s', (startFrom) => {
    expect(server({ startFrom }).startFrom).toBe(startFrom);
  });

  it('complete a partial backoff and a partial retention', () => {
    expect(server({ backoff: { delay: 7 } }).backoff).toEqual({ delayMs: 7, maxDelayMs: 60_000 });
    expect(server({ backoff: { maxDelay: 2_000 } }).backoff).toEqual({ delayMs: 1_000, maxDelayMs: 2_000 });
    expect(server({ retention: { maxAge: 7 } }).retention).toEqual({ maxLength: 10_000, maxAgeMs: 7 });
  });

  it('are frozen in every part', () => {
    const parts = [server(), server({ backoff: { delay: 7 }, retention: { maxAge: 7 } })].flatMap((settings) => [
      settings,
      settings.backoff,
      settings.retention,
    ]);
    const handler = extras({ backoff: { delay: 7 } });
    expect([...parts, handler, handler.backoff, extras({}).backoff].filter((part) => !Object.isFrozen(part))).toEqual(
      [],
    );
  });

  it('raise the default maxDelay to a delay above it', () => {
    expect(server({ backoff: { delay: 90_000 } }).backoff).toEqual({ delayMs: 90_000, maxDelayMs: 90_000 });
  });
});

describe('settings of a client', () => {
  it('default to the documented values', () => {
    const defaults = {
      connection,
      prefix: '',
      maxPayloadBytes: 1_048_576,
      connectTimeoutMs: 10_000,
      serializer: undefined,
      deserializer: undefined,
      requestTimeoutMs: 30_000,
      publishTimeoutMs: 5_000,
      maxPending: 10_000,
    };
    expect(client()).toEqual(defaults);
    expect(client({})).toEqual(defaults);
    expect(Object.isFrozen(client())).toBe(true);
  });

  it('accept the minimum of each option', () => {
    expect(client({ requestTimeout: 0, publishTimeout: 1, maxPending: 1 })).toMatchObject({
      requestTimeoutMs: 0,
      publishTimeoutMs: 1,
      maxPending: 1,
    });
  });

  it("pass on Nest's serializer and deserializer unchanged", () => {
    const serializer = { serialize: (value: unknown): unknown => value };
    const deserializer = { deserialize: (value: unknown): unknown => value };
    expect(client({ serializer, deserializer })).toMatchObject({ serializer, deserializer });
  });
});

describe('settings of a handler', () => {
  it('default to those of the server', () => {
    const option = { maxAttempts: 9, backoff: { delay: 7 }, startFrom: '$', handlerTimeout: 250, concurrency: 3 };
    expect(extras({}, option)).toEqual({
      group: 'workers',
      concurrency: undefined,
      maxAttempts: 9,
      backoff: { delayMs: 7, maxDelayMs: 60_000 },
      startFrom: '$',
      handlerTimeoutMs: 250,
    });
  });

  it('are its own where it sets them', () => {
    const own = { group: 'mailer', concurrency: 2, maxAttempts: 1, startFrom: '7-1', handlerTimeout: 5 };
    expect(extras({ ...own, backoff: { maxDelay: 5_000 } }, { backoff: { delay: 70 } })).toEqual({
      group: 'mailer',
      concurrency: 2,
      maxAttempts: 1,
      backoff: { delayMs: 70, maxDelayMs: 5_000 },
      startFrom: '7-1',
      handlerTimeoutMs: 5,
    });
  });

  it.each<[string, Loose, string]>([
    ['group', { group: '' }, "`extras.group` to be a non-empty, well-formed string without spaces, got `''`"],
    ['concurrency', { concurrency: 0 }, '`extras.concurrency` to be an integer >= 1, got `0`'],
    ['maxAttempts', { maxAttempts: '3' }, "`extras.maxAttempts` to be an integer >= 1, got `'3'` (string)"],
    ['backoff', { backoff: 5 }, '`extras.backoff` to be an object, got `5`'],
    [
      'backoff.delay',
      { backoff: { delay: -1 } },
      '`extras.backoff.delay` to be an integer from 0 to 2147483647, got `-1`',
    ],
    ['startFrom', { startFrom: 'now' }, "`extras.startFrom` to be '0', '$' or an entry id, got `'now'`"],
    [
      'handlerTimeout',
      { handlerTimeout: -1 },
      '`extras.handlerTimeout` to be an integer from 0 to 2147483647, got `-1`',
    ],
  ])('refuse an invalid %s', (_name, values, message) => {
    expect(messageOf(() => extras(values))).toContain(message);
  });

  it.each([
    ['concurency', 'concurrency'],
    ['Concurrency', 'concurrency'],
    ['maxattempts', 'maxAttempts'],
    ['max_attempts', 'maxAttempts'],
    ['maxAttemtps', 'maxAttempts'],
    ['backOff', 'backoff'],
    ['groups', 'group'],
    ['startfrom', 'startFrom'],
    ['handler-timeout', 'handlerTimeout'],
  ])('refuse the misspelled `%s` and suggest `%s`', (name, meant) => {
    expect(messageOf(() => extras({ [name]: 4 }))).toBe(
      `Expected \`extras.${name}\` to be absent (did you mean \`${meant}\`?), got a number`,
    );
  });

  it('leave unrelated names to other transports, and list these names', () => {
    const foreign = { queue: 'a', durable: true, topic: 'b', qos: 1, toString: 1, stream: 'x' };
    expect(extras({ ...foreign, maxAttempts: 2 })).toEqual(extras({ maxAttempts: 2 }));
    expect(unknownExtras({ ...foreign, maxAttempts: 2 })).toEqual(Object.keys(foreign));
    expect(unknownExtras({ group: 'a', startFrom: '0' })).toEqual([]);
  });
});

describe('an invalid option', () => {
  const DAY = 86_400_000;
  const LONGEST = 2 ** 31 - 1;
  const TEN_YEARS = 3_650 * DAY;
  const INTEGERS: [name: string, minimum: number, maximum: number | undefined][] = [
    ['maxPayloadBytes', 1, undefined],
    ['connectTimeout', 0, LONGEST],
    ['concurrency', 1, undefined],
    ['block', 100, DAY],
    ['lease', 500, DAY],
    ['sweepInterval', 100, LONGEST],
    ['maxAttempts', 1, undefined],
    ['consumerTtl', 1_000, TEN_YEARS],
    ['shutdownTimeout', 0, LONGEST],
    ['handlerTimeout', 0, LONGEST],
  ];
  const CLIENT_INTEGERS: [name: string, minimum: number, maximum: number | undefined][] = [
    ['maxPayloadBytes', 1, undefined],
    ['connectTimeout', 0, LONGEST],
    ['requestTimeout', 0, LONGEST],
    ['publishTimeout', 1, LONGEST],
    ['maxPending', 1, undefined],
  ];
  const range = (minimum: number, maximum?: number): string =>
    maximum === undefined ? `>= ${minimum}` : `from ${minimum} to ${maximum}`;
  const noInteger = (minimum: number, maximum = 2 ** 53 - 1): [unknown, string][] => [
    [maximum + 1, `\`${maximum + 1}\` (number)`],
    [minimum - 1, `\`${minimum - 1}\` (number)`],
    [minimum + 0.5, `\`${minimum + 0.5}\` (number)`],
    [Number.NaN, '`NaN` (number)'],
    [Infinity, '`Infinity` (number)'],
    [String(minimum), `\`'${minimum}'\` (string)`],
    [5n, '`5n` (bigint)'],
    [true, '`true` (boolean)'],
    [[minimum], 'an array'],
    [{}, 'an object'],
  ];

  it.each(INTEGERS)('is reported with bounds and received value: `%s` of a server', (name, minimum, maximum) => {
    for (const [value, received] of noInteger(minimum, maximum)) {
      const message = messageOf(() => server({ [name]: value }));
      expect(message).toBe(`Expected \`option.${name}\` to be an integer ${range(minimum, maximum)}, got ${received}`);
    }
  });

  it.each(CLIENT_INTEGERS)('is reported with bounds and received value: `%s` of a client', (name, minimum, maximum) => {
    for (const [value, received] of noInteger(minimum, maximum)) {
      const message = messageOf(() => client({ [name]: value }));
      expect(message).toBe(`Expected \`option.${name}\` to be an integer ${range(minimum, maximum)}, got ${received}`);
    }
  });

  it.each<[string, unknown, string]>([
    ['consumerGroup', undefined, '`undefined`'],
    ['consumerGroup', '', "`''` (string)"],
    ['consumerGroup', 'two words', "`'two words'` (string)"],
    ['consumerGroup', 7, '`7` (number)'],
    ['consumer', 'line\nbreak', "`'line\\nbreak'` (string)"],
    ['consumer', ['one'], 'an array'],
    ['prefix', 5, '`5` (number)'],
    ['prefix', '{app}:', "`'{app}:'` (string)"],
    ['prefix', 'my app:', "`'my app:'` (string)"],
    ['startFrom', 0, '`0` (number)'],
    ['startFrom', '', "`''` (string)"],
    ['startFrom', '>', "`'>'` (string)"],
    ['startFrom', '7-', "`'7-'` (string)"],
    ['backoff', 'fast', "`'fast'` (string)"],
    ['backoff', null, '`null`'],
    ['backoff.delay', { delay: '1s' }, "`'1s'` (string)"],
    ['backoff.maxDelay', { delay: 100, maxDelay: 99 }, '`99` (number)'],
    ['retention', 100, '`100` (number)'],
    ['retention', null, '`null`'],
    ['retention.maxLength', { maxLength: -1 }, '`-1` (number)'],
    ['retention.maxAge', { maxAge: 0 }, '`0` (number)'],
    ['isRetriable', true, '`true` (boolean)'],
    ['onDeadLetter', 'log', "`'log'` (string)"],
    ['onDeadLetter', {}, 'an object'],
    ['serializer', 'json', "`'json'` (string)"],
    ['serializer', {}, 'an object'],
    ['deserializer', { deserialize: 'yes' }, 'an object'],
  ])('is reported by path and received value: `%s` as %p', (path, value, received) => {
    const [name = ''] = path.split('.');
    const message = messageOf(() => server({ [name]: value }));
    expect(message).toMatch(new RegExp(`^Expected \`option\\.${path.replace('.', '\\.')}\` to be [^,]`));
    expect(message.endsWith(`, got ${received}`)).toBe(true);
  });

  it.each([1, 999, -1, 3_650 * 86_400_000 + 1])('is a `groupTtl` of %p, neither 0 nor in bounds', (groupTtl) => {
    const message = messageOf(() => server({ groupTtl }));
    expect(message).toBe(
      `Expected \`option.groupTtl\` to be 0 or an integer from 1000 to 315360000000, got \`${groupTtl}\` (number)`,
    );
  });

  it.each<[string, Loose]>([
    ['backoff.delay', { backoff: { delay: 2 ** 31 } }],
    ['backoff.maxDelay', { backoff: { maxDelay: 2 ** 31 } }],
    ['retention.maxAge', { retention: { maxAge: TEN_YEARS + 1 } }],
  ])('is a time in `%s` above its maximum', (path, option) => {
    expect(messageOf(() => server(option))).toMatch(
      new RegExp(`^Expected \`option\\.${path.replace('.', '\\.')}\` .* to \\d+, got`),
    );
  });

  it('is a name with half of a surrogate pair, which Redis would store as another name', () => {
    for (const option of [{ consumerGroup: 'a\ud800' }, { consumer: '\udc00' }, { prefix: 'app\ud83d:' }])
      expect(messageOf(() => server(option))).toMatch(/well-formed string/);
    expect(messageOf(() => extras({ group: '\ud800' }))).toMatch(/well-formed string/);
  });

  it.each([
    ['option', { connection, options: { consumerGroup: 'workers' } }],
    ['option', { connection, Option: {} }],
    ['connection', { conection: connection, option: {} }],
  ])('at the top level is named, with the key that was meant: %s', (meant, options) => {
    const [name = ''] = Object.keys(options).filter((key) => !['connection', 'option'].includes(key));
    for (const resolve of [resolveServerOptions, resolveClientOptions]) {
      const message = messageOf(() => resolve(options as never));
      expect(message).toContain(`Expected \`${name}\` to be one of connection, option (did you mean \`${meant}\`?)`);
    }
  });

  it('at the top level is named, without its value', () => {
    const error = thrownBy(() => resolveClientOptions({ connection, password: 'open-sesame' } as never));
    expect(error.message).toBe('Expected `password` to be one of connection, option, got a string');
    expect(inspect(error)).not.toContain('open-sesame');
  });

  it('is an unknown name within backoff or retention', () => {
    expect(messageOf(() => server({ backoff: { maxdelay: 5 } }))).toContain(
      '`option.backoff.maxdelay` to be one of delay, maxDelay (did you mean `maxDelay`?)',
    );
    expect(messageOf(() => server({ retention: { days: 5 } }))).toContain('`option.retention.days`');
  });

  it('that does not exist is refused, with a list of those that do', () => {
    const message = messageOf(() => server({ leese: 5 }));
    expect(message).toMatch(/^Expected `option\.leese` to be one of .*\blease\b.* \(did you mean `lease`\?\), got/);
  });

  it.each(['lease', 'consumerGroup', 'concurrency'])('of a server is refused by a client: %s', (name) => {
    expect(messageOf(() => client({ [name]: 1_000 }))).toContain(`\`option.${name}\``);
  });

  it.each(['requestTimeout', 'publishTimeout', 'maxPending'])('of a client is refused by a server: %s', (name) => {
    expect(messageOf(() => server({ [name]: 1_000 }))).toContain(`\`option.${name}\``);
  });

  it.each([undefined, null, 'redis://127.0.0.1', 7])('is the options object itself when it is %p', (options) => {
    expect(messageOf(() => resolveClientOptions(options as never))).toContain('`options`');
    expect(messageOf(() => resolveServerOptions(options as never))).toContain('`options`');
  });

  it.each([null, 'fast', 7, true])('is `option` when it is %p', (option) => {
    expect(messageOf(() => resolveClientOptions({ connection, option: option as never }))).toContain('`option`');
    expect(messageOf(() => resolveServerOptions({ connection, option: option as never }))).toContain('`option`');
  });

  it('is the missing consumer group when a server gets no options', () => {
    expect(messageOf(() => resolveServerOptions({ connection } as never))).toContain('`option.consumerGroup`');
  });
});

describe('the connection', () => {
  it.each([
    ['ioredis options', { host: '127.0.0.1', port: 6379, password: 'open-sesame' }],
    ['no options at all, as ioredis accepts them', {}],
    ['sentinels', { sentinels: [{ host: '127.0.0.1', port: 26_379 }], name: 'main' }],
    ['a URL', 'redis://user:open-sesame@127.0.0.1:6379/0'],
    ['a TLS URL', 'rediss://127.0.0.1:6380'],
    ['a cluster', { nodes: [{ host: '127.0.0.1', port: 7000 }], options: {} }],
    ['a factory', () => undefined],
    ['an empty key prefix', { host: '127.0.0.1', keyPrefix: '' }],
  ])('may be %s, and is passed on unchanged', (_what, source) => {
    for (const resolve of sidesWith(source)) expect(resolve()).toMatchObject({ connection: source });
  });

  it.each<[string, unknown]>([
    ['missing', undefined],
    ['null', null],
    ['a number', 6379],
    ['a list', [{ host: '127.0.0.1', password: 'open-sesame' }]],
    ['a host', '127.0.0.1'],
    ['an empty string', ''],
    ['another scheme', 'https://user:open-sesame@127.0.0.1'],
    ['a malformed URL', 'redis//user:open-sesame@127.0.0.1'],
    ['a password alone', 'open-sesame'],
    ['an unclosed URL', 'redis://user:open-sesame@[::1'],
  ])('must not be %s, and its password appears in no message', (_what, source) => {
    for (const resolve of sidesWith(source)) {
      expect(messageOf(resolve)).toMatch(/^Expected `connection` to be ioredis options, a redis:\/\/ URL/);
      expect(inspect(thrownBy(resolve))).not.toContain('open-sesame');
    }
  });

  it.each([
    ['host', 'redis://user:open-sesame@127.0.0.1'],
    ['nothing else', ''],
  ])('must not have the `url` of another library, and the error says what to write: %s', (_what, url) => {
    for (const resolve of sidesWith({ url })) {
      expect(messageOf(resolve)).toMatch(/^Expected `connection\.url` to be absent.* Write `connection: 'redis:\/\//);
      expect(inspect(thrownBy(resolve))).not.toContain('open-sesame');
    }
  });

  it.each<[string, object]>([
    ['uri', { uri: 'redis://user:open-sesame@127.0.0.1' }],
    ['socket', { socket: { host: 'redis', port: 6379 }, password: 'open-sesame' }],
    ['hostname', { hostname: 'redis' }],
    ['options', { options: { host: 'redis', password: 'open-sesame' } }],
    ['rootNodes', { rootNodes: [{ url: 'redis://redis' }] }],
    ['startupNodes', { startupNodes: [{ host: 'redis' }] }],
  ])('must not give the address as `%s`, which would connect to localhost', (name, source) => {
    for (const resolve of sidesWith(source)) {
      expect(messageOf(resolve)).toContain(`Expected \`connection.${name}\` to be absent`);
      expect(inspect(thrownBy(resolve))).not.toContain('open-sesame');
    }
  });

  it.each([[[]], ['redis:6379'], [{}]])('must not be a cluster of the nodes %j', (nodes) => {
    for (const resolve of sidesWith({ nodes })) {
      expect(messageOf(resolve)).toContain('Expected `connection.nodes` to be a list of at least one node');
    }
  });

  it('must not be an ioredis client, of any copy, since one connection cannot serve every role', () => {
    class OfAnotherCopy {
      duplicate(): this {
        return this;
      }

      disconnect(): void {}
    }
    const lazy = { lazyConnect: true };
    const clients = [new Redis(lazy), new Cluster([{ host: '127.0.0.1', port: 1 }], lazy), new OfAnotherCopy()];
    for (const made of clients) {
      for (const resolve of sidesWith(made)) {
        expect(messageOf(resolve)).toMatch(/^Expected `connection` to be its options, not a client.* new Redis\(/);
      }
      made.disconnect();
    }
  });

  it.each([
    ['in the options', { host: '127.0.0.1', password: 'open-sesame', keyPrefix: 'app:' }],
    ['in the URL', 'redis://user:open-sesame@127.0.0.1:6379?keyPrefix=app:'],
  ])('must not have a keyPrefix %s, and the error points to `option.prefix`', (_where, source) => {
    for (const resolve of sidesWith(source)) {
      expect(messageOf(resolve)).toMatch(/^Expected `connection\.keyPrefix` to be absent; use `option\.prefix`/);
      expect(inspect(thrownBy(resolve))).not.toContain('open-sesame');
    }
  });

  it('keeps its password out of errors about other options', () => {
    const secret = { host: '127.0.0.1', password: 'open-sesame' };
    const error = thrownBy(() => resolveClientOptions({ connection: secret, option: { maxPending: -1 } }));
    expect(inspect(error)).not.toContain('open-sesame');
  });
});
