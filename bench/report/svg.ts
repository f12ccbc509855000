/** Shared by all plots: a picture that follows the reader's light or dark theme, and round numbers on its axis. */

export const WIDTH = 760;
/** Height of the title. */
const TOP = 40;

/** Distinguishable with color blindness too, and with enough contrast on white and on black. */
const COLOURS = ['#2f81f7', '#d2691e', '#2e9e6b', '#b45fc4', '#8d8d2e', '#7d8590'] as const;

export const colourOf = (index: number): string => COLOURS[index % COLOURS.length] ?? '#7d8590';

const STYLE = `text{font:12px system-ui,sans-serif;fill:#1f2328}.title{font-weight:600;font-size:13px}
.faint{fill:#59636e}.rule{stroke:#d1d9e0}.spread{stroke:#1f2328}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.faint{fill:#9198a1}.rule{stroke:#3d444d}.spread{stroke:#e6edf3}}`;

export const picture = (title: string, height: number, content: readonly string[]): string =>
  [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<style>${STYLE}</style>`,
    text(8, 20, title, 'class="title"'),
    ...content,
    '</svg>',
    '',
  ].join('\n');

export const text = (x: number, y: number, content: string, attributes = ''): string =>
  `<text x="${round(x)}" y="${round(y)}" ${attributes}>${escaped(content)}</text>`;

export const line = (x1: number, y1: number, x2: number, y2: number, attributes: string): string =>
  `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" ${attributes}/>`;

/** One colored mark per name below the title, in rows; `bottom` is where the plot begins. */
export function legend(names: readonly (readonly [name: string, colour: string])[]): { svg: string[]; bottom: number } {
  const svg: string[] = [];
  let [left, top] = [8, TOP];
  for (const [name, colour] of names) {
    const length = 24 + name.length * 6.6;
    if (left + length > WIDTH) [left, top] = [8, top + 18];
    svg.push(`<rect x="${round(left)}" y="${top - 9}" width="10" height="10" fill="${colour}"/>`);
    svg.push(text(left + 15, top, name));
    left += length + 10;
  }
  return { svg, bottom: top + 18 };
}

/** About four round numbers, from 0 to just above the highest value. */
export function ticksFor(highest: number): number[] {
  if (!(highest > 0)) return [0, 1];
  const rough = highest / 4;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5].find((factor) => factor * magnitude >= rough) ?? 10) * magnitude;
  return Array.from({ length: Math.ceil(highest / step) + 1 }, (_, index) => Number((index * step).toPrecision(6)));
}

export const grouped = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: 3 });

const round = (value: number): number => Math.round(value * 10) / 10;

const escaped = (content: string): string =>
  content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
