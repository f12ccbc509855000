import { Cluster } from 'ioredis';
import { isClusterConnection, openClient, reconnectDelay } from '../../../lib/redis/redis-client.js';

describe('reconnectDelay', () => {
  it('starts near 50 ms and doubles up to about a second', () => {
    const ceilings = [50, 100, 200, 400, 800, 1_000, 1_000, 1_000];
    for (const [i, ceiling] of ceilings.entries()) {
      for (let round = 0; round < 200; round++) {
        const delay = reconnectDelay(i + 1);
        expect(delay).toBeGreaterThanOrEqual(Math.floor(ceiling * 0.75));
        expect(delay).toBeLessThanOrEqual(Math.ceil(ceiling * 1.25));
      }
    }
  });

  it('never gives up and never exceeds that, after any number of failures', () => {
    for (const attempt of [20, 1_000, 1_000_000, Number.MAX_SAFE_INTEGER]) {
      expect(reconnectDelay(attempt)).toBeGreaterThanOrEqual(750);
      expect(reconnectDelay(attempt)).toBeLessThanOrEqual(1_250);
    }
  });

  it('returns whole milliseconds with jitter, so that a fleet does not reconnect in step', () => {
    const delays = Array.from({ length: 200 }, () => reconnectDelay(8));
    expect(delays.every(Number.isInteger)).toBe(true);
    expect(new Set(delays).size).toBeGreaterThan(50);
  });
});

describe('isClusterConnection', () => {
  it('recognizes a cluster by its nodes', () => {
    expect(isClusterConnection({ nodes: [{ host: '127.0.0.1', port: 7000 }] })).toBe(true);
    expect(isClusterConnection({ host: '127.0.0.1' })).toBe(false);
    expect(isClusterConnection('redis://127.0.0.1')).toBe(false);
  });
});

describe('a client of a cluster', () => {
  const node = { host: '127.0.0.1', port: 7000 };

  it.each([
    ['of the library', { nodes: [node], options: { enableReadyCheck: true, slotsRefreshTimeout: 9_000 } }],
    ['of a factory', () => new Cluster([node], { lazyConnect: true, slotsRefreshTimeout: 9_000 })],
  ])('%s waits half a second for each node, up to five seconds while none answers', (_, source) => {
    const client = openClient(source, 'writer', 0) as Cluster;
    const waits = [client.options.slotsRefreshTimeout];
    for (let attempt = 0; attempt < 5; attempt++) {
      client.emit('reconnecting');
      waits.push(client.options.slotsRefreshTimeout);
    }
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 5_000, 5_000]);
    client.emit('ready');
    expect(client.options).toMatchObject({ slotsRefreshTimeout: 500, enableReadyCheck: false });
  });
});
