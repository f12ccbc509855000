import { summarize, type Sample } from '../../../bench/report/summary.js';
import { textOf } from '../../../bench/report/table.js';
import { workloadNamed } from '../../../bench/workloads/index.js';

const requests = workloadNamed('requests');
const patterns = workloadNamed('patterns');

const sample = (round: number, contender: string, label: string, figures: Record<string, number>): Sample => ({
  round,
  contender,
  label,
  figures: { rate: 1, p50: 1, p99: 1, cpu: 1, cpuClient: 1, cpuServer: 1, cpuBroker: 1, ...figures },
});

describe('summarize', () => {
  const label = '256 in flight';
  // The machine was busy in the second round: the ratio of each round holds, but the ratio of the medians would be 1.
  const samples = [
    sample(0, 'stream-transport', label, { rate: 300, p50: 10 }),
    sample(0, 'nest-redis', label, { rate: 200, p50: 20 }),
    sample(1, 'nest-redis', label, { rate: 20, p50: 200 }),
    sample(1, 'stream-transport', label, { rate: 60, p50: 50 }),
    sample(2, 'stream-transport', label, { rate: 200, p50: 15 }),
    sample(2, 'nest-redis', label, { rate: 250, p50: 15 }),
  ];
  const summary = summarize('requests', requests, samples);

  it('takes medians over the rounds', () => {
    expect(summary.rounds).toBe(3);
    expect(summary.rows.map(({ contender }) => contender)).toEqual(['stream-transport', 'nest-redis']);
    expect(summary.rows[0]?.spreads['rate']).toEqual({ median: 200, lowest: 60, highest: 300 });
  });

  it('compares within each round, with a ratio above 1 where the library wins', () => {
    const [comparison] = summary.comparisons;
    expect(comparison).toMatchObject({ label, contender: 'stream-transport', against: 'nest-redis' });
    expect(comparison?.spreads['rate']).toEqual({ median: 1.5, lowest: 0.8, highest: 3 });
    expect(comparison?.spreads['p50']).toEqual({ median: 2, lowest: 1, highest: 4 });
  });

  it('compares only metrics that define which value is better', () => {
    expect(Object.keys(summary.comparisons[0]?.spreads ?? {})).toEqual(['rate', 'p50', 'p99', 'cpu']);
  });

  it('judges only the targets that it has figures for', () => {
    expect(summary.verdicts.map(({ target, reached, isMet }) => [target.against, reached, isMet])).toEqual([
      ['nest-redis', 1.5, true],
    ]);
  });

  it('skips rounds in which only one of the two was measured', () => {
    const { comparisons } = summarize('requests', requests, samples.slice(0, 3));
    expect(comparisons[0]?.spreads['rate']).toEqual({ median: 1.5, lowest: 1.5, highest: 1.5 });
  });

  it('compares nothing with a contender that was not measured', () => {
    const alone = samples.filter(({ contender }) => contender === 'nest-redis');
    expect(summarize('requests', requests, alone).comparisons).toEqual([]);
  });

  it('measures growth against the smaller size of the same contender', () => {
    const grown = summarize('patterns', patterns, [
      sample(0, 'stream-transport', '1 pattern, 256 in flight', { rate: 100 }),
      sample(0, 'nest-redis', '1 pattern, 256 in flight', { rate: 80 }),
      sample(0, 'stream-transport', '1,000 patterns, 256 in flight', { rate: 95 }),
      sample(0, 'nest-redis', '1,000 patterns, 256 in flight', { rate: 40 }),
    ]);
    const told = grown.comparisons.map(({ contender, against, spreads }) => [
      contender,
      against,
      spreads['rate']?.median,
    ]);
    expect(told).toEqual([
      ['stream-transport', '1 pattern, 256 in flight', 0.95],
      ['nest-redis', '1 pattern, 256 in flight', 0.5],
    ]);
    expect(grown.verdicts[0]).toMatchObject({ reached: 0.95, isMet: true });
  });

  it('returns a summary that prints in aligned columns, with its targets', () => {
    const lines = textOf(summary).split('\n');
    expect(lines.at(-1)).toBe(
      'target: 256 in flight, req/s: at least 1 times as good as Nest Redis pub/sub: 1.50, met',
    );
    expect(lines[2]?.length).toBe(lines[3]?.length);
  });
});
