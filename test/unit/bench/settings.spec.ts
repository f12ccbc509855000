import { CONTENDERS } from '../../../bench/contenders/index.js';
import { parseSettings, USAGE } from '../../../bench/settings.js';
import { WORKLOADS } from '../../../bench/workloads/index.js';

describe('parseSettings', () => {
  it('measures everything by default', () => {
    expect(parseSettings([])).toMatchObject({
      workloads: [...WORKLOADS.keys()],
      variants: undefined,
      contenders: CONTENDERS,
      rounds: 5,
      effort: { seconds: 3, backlog: 100_000, messages: 1_000_000 },
      write: false,
      build: true,
    });
  });

  it('accepts workloads by name, in the order given, and options among them', () => {
    const settings = parseSettings(['events', '--rounds', '2', 'requests', '--seconds', '0.5', '--json', '--no-build']);
    expect(settings).toMatchObject({ workloads: ['events', 'requests'], rounds: 2, json: true, build: false });
    expect(settings.effort.seconds).toBe(0.5);
  });

  it('accepts contenders and sizes by name', () => {
    const settings = parseSettings([
      '--only',
      'raw-streams,bullmq',
      '--variant',
      '10,000 pending',
      '--variant',
      '1 kB',
    ]);
    expect(settings.contenders.map(({ name }) => name)).toEqual(['raw-streams', 'bullmq']);
    expect(settings.variants).toEqual(['10,000 pending', '1 kB']);
  });

  it.each([
    [['nonsense'], 'No workload is called nonsense'],
    [['--only', 'kafka'], 'No contender is called kafka'],
    [['requests', '--variant', '1 kB'], 'No size is called 1 kB'],
    [['--rounds', '0'], 'Expected --rounds to be a positive number, got 0'],
    [['--rounds', '1.5'], 'Expected --rounds to be a whole number, got 1.5'],
    [['--seconds', 'Infinity'], 'Expected --seconds to be a positive number, got Infinity'],
    [['--backlog', 'many'], 'Expected --backlog to be a whole number, got many'],
    [['--fast'], "Unknown option '--fast'"],
  ])('refuses %j and says why', (argv, reason) => {
    expect(() => parseSettings(argv)).toThrow(reason);
  });

  it('lists every workload and every contender in its usage', () => {
    for (const name of WORKLOADS.keys()) expect(USAGE).toContain(`    ${name} `);
    for (const { name } of CONTENDERS) expect(USAGE).toContain(`    ${name} `);
  });
});
