import { DEAD_FIELD, FIELD } from '../../lib/constants.js';
import { resolveClientOptions, resolveHandlerExtras, resolveServerOptions } from '../../lib/options/settings.js';

/** A changed default changes running systems: it needs a row here, one in docs/options.md and one in migrating.md. */
const SHARED_DEFAULTS = {
  prefix: '',
  maxPayloadBytes: 1_048_576,
  connectTimeoutMs: 10_000,
  serializer: undefined,
  deserializer: undefined,
};
const SERVER_DEFAULTS = {
  ...SHARED_DEFAULTS,
  consumerGroup: 'workers',
  startFrom: '0',
  concurrency: 128,
  blockMs: 5_000,
  leaseMs: 30_000,
  sweepIntervalMs: 5_000,
  maxAttempts: 5,
  backoff: { delayMs: 1_000, maxDelayMs: 60_000 },
  retention: { maxLength: 10_000, maxAgeMs: undefined },
  consumerTtlMs: 3_600_000,
  groupTtlMs: 0,
  shutdownTimeoutMs: 10_000,
  handlerTimeoutMs: 0,
};
const CLIENT_DEFAULTS = { ...SHARED_DEFAULTS, requestTimeoutMs: 30_000, publishTimeoutMs: 5_000, maxPending: 10_000 };

describe('the defaults', () => {
  const server = resolveServerOptions({ connection: {}, option: { consumerGroup: 'workers' } });

  it('of a server are the documented ones', () => {
    const { connection, consumer, isRetriable, onDeadLetter, ...plain } = server;
    expect(plain).toStrictEqual(SERVER_DEFAULTS);
    expect(connection).toEqual({});
    expect(consumer).toMatch(new RegExp(`-${process.pid}-[0-9a-f]{8}$`));
    expect(isRetriable(new Error('any'))).toBe(true);
    expect(onDeadLetter.length).toBe(0);
  });

  it('of a client are the documented ones', () => {
    const { connection, ...plain } = resolveClientOptions({ connection: {} });
    expect(plain).toStrictEqual(CLIENT_DEFAULTS);
    expect(connection).toEqual({});
  });

  it('of a handler are those of its server, except `concurrency`, which stays unset', () => {
    const { startFrom, maxAttempts, backoff, handlerTimeoutMs } = SERVER_DEFAULTS;
    const own = { group: 'workers', concurrency: undefined, startFrom, maxAttempts, backoff, handlerTimeoutMs };
    expect(resolveHandlerExtras({}, server)).toStrictEqual(own);
  });
});

describe('the wire format', () => {
  it('has these fields in version 1', () => {
    expect(FIELD).toEqual({
      data: 'data',
      id: 'id',
      reply: 'reply',
      ttl: 'ttl',
      headers: 'headers',
      messageId: 'mid',
      onlyGroup: 'x-only-group',
      seq: 'seq',
      err: 'err',
      last: 'last',
      run: 'run',
      redriven: 'x-redriven',
    });
  });

  it('has these additional fields in a dead letter', () => {
    expect(Object.values(DEAD_FIELD)).toEqual([
      'x-stream',
      'x-group',
      'x-id',
      'x-attempts',
      'x-reason',
      'x-error',
      'x-failed-at',
    ]);
  });
});
