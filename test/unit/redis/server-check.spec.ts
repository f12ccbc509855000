import { parseInfo, reportOf } from '../../../lib/redis/server-check.js';

const GOOD = { redis_version: '7.2.4', maxmemory_policy: 'noeviction', aof_enabled: '1' };
const report = (changes: Record<string, string>): ReturnType<typeof reportOf> =>
  reportOf(new Map(Object.entries({ ...GOOD, ...changes })));

describe('the check of a server', () => {
  it('finds nothing wrong with a good configuration', () => {
    expect(report({})).toEqual({ unfit: undefined, warnings: [] });
  });

  it.each(['allkeys-lru', 'allkeys-lfu', 'allkeys-random', 'volatile-lru', 'volatile-ttl'])(
    'warns about %s and names the policy to set instead',
    (policy) => {
      const { unfit, warnings } = report({ maxmemory_policy: policy });
      expect(unfit).toBeUndefined();
      expect(warnings).toEqual([expect.stringMatching(`"${policy}".*"noeviction"`)]);
    },
  );

  it('warns about the setting without which a restart loses accepted messages', () => {
    expect(report({ aof_enabled: '0' }).warnings).toEqual([expect.stringContaining('appendonly yes')]);
  });

  it('gives one warning per problem', () => {
    expect(report({ aof_enabled: '0', maxmemory_policy: 'allkeys-lru' }).warnings).toHaveLength(2);
  });

  it('does not guess what a managed server hides', () => {
    expect(reportOf(new Map())).toEqual({ unfit: undefined, warnings: [] });
  });

  it.each(['6.0.16', '5.0.14', '2.8.0', '6.1.240'])('refuses Redis %s', (version) => {
    expect(report({ redis_version: version }).unfit).toContain(`Redis ${version} is too old: 6.2`);
  });

  it.each(['6.2.0', '6.2.14', '7.0.15', '8.0.2', '10.0.0', '255.255.255', 'unstable'])('allows Redis %s', (version) => {
    expect(report({ redis_version: version }).unfit).toBeUndefined();
  });
});

describe('the reply to INFO', () => {
  it('is read by name, regardless of sections and line endings', () => {
    const info = parseInfo(
      '# Server\r\nredis_version:7.2.4\r\nos:Linux 6.1:x86\r\n\r\n# Memory\nmaxmemory_policy:noeviction',
    );
    expect([...info]).toEqual([
      ['redis_version', '7.2.4'],
      ['os', 'Linux 6.1:x86'],
      ['maxmemory_policy', 'noeviction'],
    ]);
  });

  it('is empty for an empty text', () => {
    expect(parseInfo('').size).toBe(0);
  });
});
