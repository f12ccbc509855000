import { parseInfo, reportOf } from '../../../lib/redis/server-check.js';

const GOOD = { redis_version: '7.2.4', maxmemory_policy: 'noeviction', aof_enabled: '1' };
const report = (changes: Record<string, string>): ReturnType<typeof reportOf> =>
  reportOf(new Map(Object.entries({ ...GOOD, ...changes })));

describe('what is thought of a server', () => {
  it('has nothing to complain of where all is set as it should be', () => {
    expect(report({})).toEqual({ unfit: undefined, warnings: [] });
  });

  it.each(['allkeys-lru', 'allkeys-lfu', 'allkeys-random', 'volatile-lru', 'volatile-ttl'])(
    'names %s and what to set instead',
    (policy) => {
      const { unfit, warnings } = report({ maxmemory_policy: policy });
      expect(unfit).toBeUndefined();
      expect(warnings).toEqual([expect.stringMatching(`"${policy}".*"noeviction"`)]);
    },
  );

  it('names the setting without which a restart loses what was taken', () => {
    expect(report({ aof_enabled: '0' }).warnings).toEqual([expect.stringContaining('appendonly yes')]);
  });

  it('has one sentence for each', () => {
    expect(report({ aof_enabled: '0', maxmemory_policy: 'allkeys-lru' }).warnings).toHaveLength(2);
  });

  it('does not guess what a managed server leaves out', () => {
    expect(reportOf(new Map())).toEqual({ unfit: undefined, warnings: [] });
  });

  it.each(['6.0.16', '5.0.14', '2.8.0', '6.1.240'])('refuses Redis %s', (version) => {
    expect(report({ redis_version: version }).unfit).toContain(`Redis ${version} is too old: 6.2`);
  });

  it.each(['6.2.0', '6.2.14', '7.0.15', '8.0.2', '10.0.0', '255.255.255', 'unstable'])('takes Redis %s', (version) => {
    expect(report({ redis_version: version }).unfit).toBeUndefined();
  });
});

describe('what INFO says', () => {
  it('is read by name, whatever the sections and line ends', () => {
    const info = parseInfo(
      '# Server\r\nredis_version:7.2.4\r\nos:Linux 6.1:x86\r\n\r\n# Memory\nmaxmemory_policy:noeviction',
    );
    expect([...info]).toEqual([
      ['redis_version', '7.2.4'],
      ['os', 'Linux 6.1:x86'],
      ['maxmemory_policy', 'noeviction'],
    ]);
  });

  it('is nothing where nothing was said', () => {
    expect(parseInfo('').size).toBe(0);
  });
});
