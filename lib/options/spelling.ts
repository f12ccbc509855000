/** A name of this length may have one typo, a name of twice this length two. */
const LETTERS_PER_SLIP = 4;

/** The name that was probably meant: the same except for case and separators, or for one or two typos. */
export function meantBy(name: string, names: readonly string[]): string | undefined {
  const word = plain(name);
  let nearest: string | undefined;
  let least = Infinity;
  for (const candidate of names) {
    const slips = distance(word, plain(candidate));
    if (slips < least && slips <= Math.min(2, Math.floor(candidate.length / LETTERS_PER_SLIP))) {
      nearest = candidate;
      least = slips;
    }
  }
  return nearest;
}

const plain = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');

/** Edit distance of two words: letters left out, added or replaced, or two neighbors swapped. */
function distance(a: string, b: string): number {
  // A much longer word is a different one, and input from a user may be of any length.
  if (Math.abs(a.length - b.length) > 2) return Infinity;
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) next.push(cheapest(a, b, [i, j], [before, row, next]));
    before = row;
    row = next;
  }
  return row[b.length] ?? Infinity;
}

type Rows = readonly [before: readonly number[], row: readonly number[], next: readonly number[]];

function cheapest(a: string, b: string, [i, j]: readonly [number, number], [before, row, next]: Rows): number {
  const at = (from: readonly number[], column: number): number => from[column] ?? Infinity;
  const changed = at(row, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
  const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
  const swapped = isSwap ? at(before, j - 2) + 1 : Infinity;
  return Math.min(changed, at(row, j) + 1, at(next, j - 1) + 1, swapped);
}
