import { PayloadTooLargeError } from 'nestjs-redis-stream-transport';
import { randomUUID } from 'node:crypto';
import { ask, failureOf, tell } from '../support/calls.js';
import { eventually } from '../support/eventually.js';
import { useStage } from '../support/stage.js';
import { settled } from '../support/stream-view.js';
import { QUICK } from './support/fleet.js';
import { recordedService } from '../support/recorded-service.js';

const stage = useStage();
const MEBIBYTE = 1_048_576;

describe('hostile and oversized input', () => {
  it.each([
    ['1,000 fields', () => ['data', '1', ...Array.from({ length: 998 }, (_, n) => [`f${n}`, 'x']).flat()], true],
    [
      '10,000 fields and broken JSON',
      () => ['data', '{', ...Array.from({ length: 9_999 }, (_, n) => [`f${n}`, 'x']).flat()],
      false,
    ],
    ['JSON of 500,000 levels', () => ['data', '['.repeat(500_000)], false],
    ['a reply address without an id', () => ['data', '1', 'reply', randomUUID()], true],
  ] as const)('does not stop the read loop or block the process: an entry with %s', async (_name, fields, runs) => {
    const recorded = recordedService();
    await stage.serve(recorded.handlers, { option: QUICK });
    const stall = watchLoop();
    await stage.raw.xadd('job', '*', ...fields());
    await tell(stage.client(), 'job', 'innocent');
    await eventually(() => expect(recorded.names()).toContain('innocent'));
    await settled(stage.raw, 'job');
    expect(stall.worst()).toBeLessThan(200);
    expect(recorded.runs).toHaveLength(runs ? 2 : 1);
    expect(await stage.raw.xlen('{job}:dead')).toBe(runs ? 0 : 1);
  });

  it('is refused before a write from one byte above the limit up, so that Redis closes no connection', async () => {
    await stage.raw.config('SET', 'client-query-buffer-limit', String(MEBIBYTE * 1.5));
    const recorded = recordedService();
    const { server } = await stage.serve(recorded.handlers, { option: QUICK });
    const client = stage.client();
    let lost = 0;
    client.on('close', () => (lost += 1));
    server.on('close', () => (lost += 1));
    const full = 'x'.repeat(MEBIBYTE - 2);
    await tell(client, 'job', full);
    expect(await failureOf(tell(client, 'job', `${full}x`))).toBeInstanceOf(PayloadTooLargeError);
    expect(await failureOf(tell(client, 'job', 'x'.repeat(3 * MEBIBYTE)))).toBeInstanceOf(PayloadTooLargeError);
    await recorded.untilRun(1);
    expect(await stage.raw.xlen('job')).toBe(1);
    expect(lost).toBe(0);
    await stage.raw.config('SET', 'client-query-buffer-limit', '1gb');
    await stage.raw.xadd('job', '*', 'data', JSON.stringify('x'.repeat(2 * MEBIBYTE)));
    await eventually(async () => expect(await stage.raw.xlen('{job}:dead')).toBe(1));
    expect(recorded.runs).toHaveLength(1);
  });

  it('does not block the process: a wide payload below the limit', async () => {
    const recorded = recordedService();
    await stage.serve(recorded.handlers, { option: QUICK });
    const stall = watchLoop();
    await stage.raw.xadd('job', '*', 'data', `[${'0,'.repeat(500_000)}0]`);
    await recorded.untilRun(1);
    expect(stall.worst()).toBeLessThan(300);
  });

  it('is refused before anything is written, or reaches no handler: a hostile pattern', async () => {
    await stage.serve(recordedService().handlers, { option: QUICK });
    const client = stage.client({ requestTimeout: 2_000 });
    const deep = { a: { b: { c: { d: { e: { f: { g: 1 } } } } } } };
    for (const pattern of ['x'.repeat(10_000), 'a\r\nb', 'a\0b', '', deep]) {
      expect(await failureOf(tell(client, pattern, 1))).toMatchObject({ code: 'INVALID_MESSAGE' });
    }
    for (const pattern of ['*', 'job*', '__proto__', 'constructor']) {
      expect(String(await failureOf(ask(client, pattern, 1)))).toContain('no matching message handler');
    }
    expect(await stage.raw.keys('*\n*')).toEqual([]);
  });

  it.each([
    ['a string', 'victim'],
    ['another stream', 'job'],
    ['a glob', '*'],
    ['another prefix', '../reply:x'],
    ['a kilobyte', 'x'.repeat(1_024)],
    ['an inbox that does not exist', randomUUID()],
  ])('causes no write: a reply address that is %s', async (_name, reply) => {
    const recorded = recordedService((name) => name);
    await stage.serve(recorded.handlers, { option: QUICK });
    await stage.raw.set('victim', 'untouched');
    const keys = await stage.raw.dbsize();
    await stage.raw.xadd('job.ask', '*', 'data', '"forged"', 'id', randomUUID(), 'reply', reply);
    await tell(stage.client(), 'job', 'next');
    await eventually(() => expect(recorded.names()).toContain('next'));
    await settled(stage.raw, 'job.ask');
    const expected = (await stage.raw.exists('{job.ask}:dead')) + keys;
    expect(await stage.raw.dbsize()).toBe(expected);
    expect(await stage.raw.get('victim')).toBe('untouched');
    expect(await stage.raw.xlen('job')).toBe(1);
  });
});

/** Measures how long this process blocked its event loop at most, in CPU time: other processes do not count. */
function watchLoop(): { worst: () => number } {
  let lastTurn = performance.now();
  let lastUsage = process.cpuUsage();
  let worst = 0;
  const timer = setInterval(() => {
    const now = performance.now();
    const { user, system } = process.cpuUsage(lastUsage);
    // CPU time includes threads of the engine, so it can exceed the elapsed time.
    worst = Math.max(worst, Math.min(now - lastTurn - 10, (user + system) / 1_000));
    lastTurn = now;
    lastUsage = process.cpuUsage();
  }, 10);
  return {
    worst: () => {
      clearInterval(timer);
      return worst;
    },
  };
}
