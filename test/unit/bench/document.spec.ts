import { barPlot } from '../../../bench/report/bar-plot.js';
import { linePlot } from '../../../bench/report/line-plot.js';
import { markdownOf, withSection } from '../../../bench/report/markdown.js';
import { summarize, type Sample } from '../../../bench/report/summary.js';
import { ticksFor } from '../../../bench/report/svg.js';
import { workloadNamed } from '../../../bench/workloads/index.js';

const figures = { rate: 12_345, cpu: 80, cpuClient: 30, cpuServer: 30, cpuBroker: 20 };
const samples: Sample[] = ['1 consumer', '2 consumers'].flatMap((label) =>
  ['stream-transport', 'raw-streams'].map((contender) => ({ round: 0, contender, label, figures })),
);
const summary = summarize('drain', workloadNamed('drain'), samples);

describe('the section of a workload', () => {
  const section = markdownOf(summary, 'CPU 2 × fast', 'benchmarks/drain.svg');

  it('has the plot, the machine, and one row per contender and size', () => {
    expect(section).toContain('](benchmarks/drain.svg)');
    expect(section).toContain('Medians of 1 round. CPU 2 × fast.');
    expect(section).toContain('| 2 consumers | raw ioredis streams loop | 12,345 | 80 | 30 | 30 | 20 |');
  });

  it('replaces the text between its own markers, and nothing else', () => {
    const document = 'a\n<!-- bench: drain -->\nold\n<!-- end: drain -->\nb\n<!-- bench: x -->\nx\n<!-- end: x -->\n';
    expect(withSection(document, 'drain', 'new')).toBe(
      'a\n<!-- bench: drain -->\n\nnew\n\n<!-- end: drain -->\nb\n<!-- bench: x -->\nx\n<!-- end: x -->\n',
    );
  });

  it('refuses a document without the markers', () => {
    expect(() => withSection('a', 'drain', 'new')).toThrow('<!-- bench: drain -->');
  });
});

describe('the plots', () => {
  it('draw a bar per contender and size, and name both', () => {
    const svg = barPlot(summary);
    expect(svg.match(/<rect [^>]*height="12"/g)).toHaveLength(4);
    for (const name of ['this library', 'raw ioredis streams loop', '1 consumer', '2 consumers'])
      expect(svg).toContain(`>${name}</text>`);
  });

  it('draw a line per metric and kind of message', () => {
    const held = { redis: 2, serverHeap: 15, serverRss: 100, clientHeap: 14, clientRss: 99 };
    const watched = ['0 requests', '10 requests', '0 events', '10 events'].map((label) => ({
      round: 0,
      contender: 'stream-transport',
      label,
      figures: held,
    }));
    const svg = linePlot(summarize('memory', workloadNamed('memory'), watched));
    expect(svg.match(/<polyline /g)).toHaveLength(10);
    expect(svg).not.toContain('NaN');
  });

  it('follow the color scheme of the reader and escape their title', () => {
    const svg = barPlot({ ...summary, title: 'a < b & "c"' });
    expect(svg).toContain('prefers-color-scheme:dark');
    expect(svg).toContain('<title>a &lt; b &amp; &quot;c&quot;</title>');
    expect(svg).not.toContain('NaN');
  });

  it.each([
    [0, [0, 1]],
    [0.9, [0, 0.25, 0.5, 0.75, 1]],
    [10, [0, 2.5, 5, 7.5, 10]],
    [19_313, [0, 5_000, 10_000, 15_000, 20_000]],
  ])('put round numbers on the axis up to %d', (highest, ticks) => {
    expect(ticksFor(highest)).toEqual(ticks);
  });
});
