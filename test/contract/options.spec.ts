import { RedisStreamClient, RedisStreamServer } from 'nestjs-redis-stream-transport';

const connection = { host: '127.0.0.1', port: 6379 };

/** Options as an untyped caller might write them. */
function serverWith(option: Record<string, unknown>): () => RedisStreamServer {
  return () => new RedisStreamServer({ connection, option: { consumerGroup: 'g', ...option } });
}

function clientWith(option: Record<string, unknown>): () => RedisStreamClient {
  return () => new RedisStreamClient({ connection, option });
}

describe('option checks', () => {
  it.each([
    ['consumerGroup', undefined, 'undefined'],
    ['consumerGroup', '', "''"],
    ['consumer', 7, '7'],
    ['prefix', 5, '5'],
    ['startFrom', 'yesterday', 'yesterday'],
    ['concurrency', 0, '0'],
    ['concurrency', 1.5, '1.5'],
    ['block', 5, '5'],
    ['block', '1s', '1s'],
    ['lease', 1, '1'],
    ['sweepInterval', 0, '0'],
    ['maxAttempts', 0, '0'],
    ['backoff', 'fast', 'fast'],
    ['backoff', { delay: -1 }, '-1'],
    ['isRetriable', true, 'true'],
    ['retention', { maxLength: -5 }, '-5'],
    ['consumerTtl', 1, '1'],
    ['shutdownTimeout', -1, '-1'],
    ['maxPayloadBytes', 0, '0'],
    ['connectTimeout', Number.NaN, 'NaN'],
  ])('name %s of a server and the received value: %j', (name, value, received) => {
    const construct = serverWith({ [name]: value });
    expect(construct).toThrow(TypeError);
    expect(construct).toThrow(name);
    expect(construct).toThrow(received);
    expect(construct).toThrow(/Expected .* to be /);
  });

  it.each([
    ['requestTimeout', -1, '-1'],
    ['publishTimeout', 0, '0'],
    ['maxPending', 0, '0'],
    ['maxPayloadBytes', '1 MB', '1 MB'],
    ['prefix', null, 'null'],
    ['connectTimeout', -3, '-3'],
  ])('name %s of a client and the received value: %j', (name, value, received) => {
    const construct = clientWith({ [name]: value });
    expect(construct).toThrow(TypeError);
    expect(construct).toThrow(name);
    expect(construct).toThrow(received);
  });

  it('refuse a missing connection and a missing option on both sides', () => {
    expect(() => new RedisStreamServer({ option: { consumerGroup: 'g' } } as never)).toThrow(/connection/);
    expect(() => new RedisStreamServer({ connection } as never)).toThrow(/option|consumerGroup/);
    expect(() => new RedisStreamClient({} as never)).toThrow(/connection/);
  });

  it('refuse the keyPrefix of ioredis and point to option.prefix', () => {
    const prefixed = { ...connection, keyPrefix: 'app:' };
    expect(() => new RedisStreamServer({ connection: prefixed, option: { consumerGroup: 'g' } })).toThrow(
      /keyPrefix.*prefix/s,
    );
    expect(() => new RedisStreamClient({ connection: prefixed })).toThrow(/keyPrefix.*prefix/s);
  });

  it('never print the connection that they refuse', () => {
    const secret = { ...connection, password: 'open-sesame', keyPrefix: 'app:' };
    expect(() => new RedisStreamClient({ connection: secret })).not.toThrow(/open-sesame/);
    expect(() => new RedisStreamClient({ connection: secret })).toThrow(TypeError);
  });

  it('accept a connection, and a connection with a consumer group', () => {
    expect(() => new RedisStreamClient({ connection })).not.toThrow();
    expect(() => new RedisStreamClient({ connection: 'redis://127.0.0.1:6379/0' })).not.toThrow();
    expect(() => new RedisStreamServer({ connection, option: { consumerGroup: 'sms-worker' } })).not.toThrow();
  });
});
