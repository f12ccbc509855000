import { factorOut, runTogether } from '../../../lib/redis/command-batch.js';
import type { BatchCommand } from '../../../lib/redis/command-batch.js';
import { classify } from '../../../lib/redis/reply-error.js';
import { RedisProcess } from '../../support/redis-process.js';
import { failureOf } from '../../support/calls.js';
import { Redis } from 'ioredis';
import type { Command } from 'ioredis';

/** Expands a batch as the Lua script `BATCH` does. */
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

/** Makes the batch script fail with a Lua error at its last command. */
class LastTemplateMissing extends Redis {
  override sendCommand(command: Command, stream?: Parameters<Redis['sendCommand']>[1]): unknown {
    if (command.name.startsWith('eval')) command.args[command.args.length - 1] = '9';
    return super.sendCommand(command, stream);
  }
}

describe('runTogether', () => {
  let server: RedisProcess;
  let redis: Redis;

  beforeAll(async () => {
    server = await RedisProcess.start();
    redis = server.client();
  });
  afterAll(() => server.stop());
  beforeEach(() => redis.flushall());

  it('gives each command its own result, and lets no failure stop the others', async () => {
    await redis.set('text', 'x');
    const results = await runTogether(redis, [
      ['XADD', 'a', '1-0', 'n', '1'],
      ['XADD', 'text', '1-0', 'n', '2'],
      ['XADD', 'a', '3-0', 'n', '3'],
    ]);
    expect(results.map(([error]) => error && classify(error))).toEqual([null, 'reject', null]);
    expect(results.map(([, reply]) => reply)).toEqual(['1-0', null, '3-0']);
  });

  it('runs commands of any length, in their order', async () => {
    await redis.xgroup('CREATE', 's', 'g', '0', 'MKSTREAM');
    const ids = Array.from({ length: 160_000 }, (_, i) => `${i + 1}-0`);
    const results = await runTogether(redis, [
      ['XADD', 's', '1-0', 'n', '1'],
      ['XACK', 's', 'g', ...ids],
      ['XDEL', 's', ...ids],
      ['XADD', 's', '200000-0', 'n', '2'],
    ]);
    expect(results).toEqual([
      [null, '1-0'],
      [null, 0],
      [null, 1],
      [null, '200000-0'],
    ]);
  });

  it('runs any number of commands, in their order', async () => {
    const commands = Array.from({ length: 60_000 }, (_, i): BatchCommand => ['XADD', 's', `${i + 1}-0`, 'n', i]);
    const results = await runTogether(redis, commands);
    expect(results.filter(([error]) => error)).toEqual([]);
    expect(await redis.xlen('s')).toBe(60_000);
  }, 60_000);

  it('fails without a result for any command when the script itself fails', async () => {
    const client = new LastTemplateMissing({ port: server.port, connectionName: 'test-observer' });
    const commands: BatchCommand[] = [
      ['XADD', 's', '1-0', 'n', '1'],
      ['XLEN', 's'],
    ];
    const error = await failureOf(runTogether(client, commands));
    client.disconnect();
    expect(classify(error)).toBe('defect');
    expect(await redis.xlen('s')).toBe(1);
  });

  it('passes on an error that Redis returns before it runs any command', async () => {
    await redis.config('SET', 'min-replicas-to-write', '1');
    const [[error]] = (await runTogether(redis, [['XADD', 's', '*', 'n', '1']])) as [[Error, unknown]];
    await redis.config('SET', 'min-replicas-to-write', '0');
    expect(classify(error)).toBe('retry');
  });
});
