import { readFileSync } from 'node:fs';
import { CONTENDERS } from '../../../bench/contenders/index.js';
import { TARGETS } from '../../../bench/targets.js';
import { workloadNamed, WORKLOADS } from '../../../bench/workloads/index.js';

const DOCUMENT = readFileSync(new URL('../../../docs/benchmarks.md', import.meta.url), 'utf8');

describe.each([...WORKLOADS])('the workload %s', (name, workload) => {
  it('lists existing contenders, with the library first', () => {
    const [first, ...others] = workload.contenders;
    expect(first).toBe(CONTENDERS[0]?.name);
    expect(CONTENDERS.map((each) => each.name)).toEqual(expect.arrayContaining(others));
  });

  it('has distinct sizes and distinct metrics', () => {
    const labels = workload.variants.map(({ label }) => label);
    const keys = workload.metrics.map(({ key }) => key);
    expect(new Set(labels).size).toBe(labels.length);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('measures growth against sizes that it has', () => {
    const labels = workload.variants.map(({ label }) => label);
    for (const { baseline } of workload.variants) if (baseline !== undefined) expect(labels).toContain(baseline);
  });

  it('has a section in docs/benchmarks.md', () => {
    expect(DOCUMENT).toContain(`<!-- bench: ${name} -->`);
    expect(DOCUMENT).toContain(`<!-- end: ${name} -->`);
  });
});

it.each(TARGETS)('the target for $workload, $label, against $against can be judged', (target) => {
  const { variants, metrics, contenders, comparison } = workloadNamed(target.workload);
  const labels = variants.map(({ label }) => label);
  expect(labels).toContain(target.label);
  expect(metrics.find(({ key }) => key === target.metric)?.better).toBeDefined();
  const baseline = variants.find(({ label }) => label === target.label)?.baseline;
  expect(comparison === 'contenders' ? contenders : [baseline]).toContain(target.against);
});
