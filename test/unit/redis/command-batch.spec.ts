import { factorOut } from '../../../lib/redis/command-batch.js';
import type { BatchCommand } from '../../../lib/redis/command-batch.js';

/** What the script makes of it: see the Lua of `BATCH`. */
function expand(flat: readonly (string | number)[]): (string | number)[][] {
  let at = 0;
  const take = (): string | number => flat[at++] as string | number;
  const many = (count: number): (string | number)[] => Array.from({ length: count }, take);
  const templates: { words: (string | number)[]; holes: number[] }[] = [];
  for (let left = Number(take()); left > 0; left--) {
    const size = Number(take());
    const holes = many(Number(take())).map(Number);
    templates.push({ words: many(size), holes });
  }
  const commands: (string | number)[][] = [];
  while (at < flat.length) {
    const template = templates[Number(take()) - 1];
    const words = [...(template?.words ?? [])];
    for (const hole of template?.holes ?? []) words[hole - 1] = take();
    commands.push(words);
  }
  return commands;
}

describe('factorOut', () => {
  const request = (data: string, id: string): BatchCommand => [
    'XADD',
    'orders',
    '*',
    'data',
    data,
    'id',
    id,
    'ttl',
    30_000,
  ];

  it('sends once what the commands of a batch share', () => {
    const flat = factorOut([request('1', 'a'), request('2', 'b'), request('3', 'c')]);
    expect(flat).toEqual([
      1,
      9,
      2,
      5,
      7,
      'XADD',
      'orders',
      '*',
      'data',
      '',
      'id',
      '',
      'ttl',
      30_000,
      1,
      '1',
      'a',
      1,
      '2',
      'b',
      1,
      '3',
      'c',
    ]);
  });

  it.each<[string, BatchCommand[]]>([
    ['one command', [['XACK', 's', 'g', '1-0']]],
    [
      'the same command twice',
      [
        ['XACK', 's', 'g', '1-0'],
        ['XACK', 's', 'g', '1-0'],
      ],
    ],
    [
      'commands of several lengths, in their order',
      [request('1', 'a'), ['XACK', 's', 'g'], request('2', 'b'), ['XDEL', 's', 'x']],
    ],
    [
      'commands of one length with nothing in common',
      [
        ['A', 'b', 'c'],
        ['d', 'e', 'f'],
      ],
    ],
    [
      'empty words',
      [
        ['XADD', 's', '*', 'data', ''],
        ['XADD', 's', '*', 'data', 'x'],
      ],
    ],
  ])('loses nothing of %s', (_, commands) => {
    expect(expand(factorOut(commands))).toEqual(commands);
  });
});
