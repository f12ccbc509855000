import { PayloadTooLargeError } from 'nestjs-redis-stream-transport';
import { randomUUID } from 'node:crypto';
import { ask, failureOf, tell } from '../support/calls.js';
import { eventually } from '../support/eventually.js';
import { useStage } from '../support/stage.js';
import { settled } from '../support/stream-view.js';
import { QUICK } from './support/fleet.js';
import { station } from './support/station.js';

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
  ] as const)('F61 F63 an entry with %s does not stop the loop or hold up the process', async (_name, fields, runs) => {
    const post = station();
    await stage.serve(post.handlers, { option: QUICK });
    const stall = watchLoop();
    await stage.raw.xadd('job', '*', ...fields());
    await tell(stage.client(), 'job', 'innocent');
    await eventually(() => expect(post.names()).toContain('innocent'));
    await settled(stage.raw, 'job');
    expect(stall.worst()).toBeLessThan(200);
    expect(post.runs).toHaveLength(runs ? 2 : 1);
    expect(await stage.raw.xlen('{job}:dead')).toBe(runs ? 0 : 1);
  });

  it('F62 one byte above the cap is refused before a write; so is what Redis itself would hang up on, and no connection is lost', async () => {
    await stage.raw.config('SET', 'client-query-buffer-limit', String(MEBIBYTE * 1.5));
    const post = station();
    const { server } = await stage.serve(post.handlers, { option: QUICK });
    const client = stage.client();
    let lost = 0;
    client.on('close', () => (lost += 1));
    server.on('close', () => (lost += 1));
    const full = 'x'.repeat(MEBIBYTE - 2);
    await tell(client, 'job', full);
    expect(await failureOf(tell(client, 'job', `${full}x`))).toBeInstanceOf(PayloadTooLargeError);
    expect(await failureOf(tell(client, 'job', 'x'.repeat(3 * MEBIBYTE)))).toBeInstanceOf(PayloadTooLargeError);
    await post.untilRun(1);
    expect(await stage.raw.xlen('job')).toBe(1);
    expect(lost).toBe(0);
    await stage.raw.config('SET', 'client-query-buffer-limit', '1gb');
    await stage.raw.xadd('job', '*', 'data', JSON.stringify('x'.repeat(2 * MEBIBYTE)));
    await eventually(async () => expect(await stage.raw.xlen('{job}:dead')).toBe(1));
    expect(post.runs).toHaveLength(1);
  });

  it('F63 a wide payload under the cap does not hold up the process', async () => {
    const post = station();
    await stage.serve(post.handlers, { option: QUICK });
    const stall = watchLoop();
    await stage.raw.xadd('job', '*', 'data', `[${'0,'.repeat(500_000)}0]`);
    await post.untilRun(1);
    expect(stall.worst()).toBeLessThan(300);
  });

  it('F65 hostile patterns are refused before anything is written, or lead to nobody', async () => {
    await stage.serve(station().handlers, { option: QUICK });
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
  ])('F66 a reply address that is %s is written to nowhere', async (_name, reply) => {
    const post = station((name) => name);
    await stage.serve(post.handlers, { option: QUICK });
    await stage.raw.set('victim', 'untouched');
    const keys = await stage.raw.dbsize();
    await stage.raw.xadd('job.ask', '*', 'data', '"forged"', 'id', randomUUID(), 'reply', reply);
    await tell(stage.client(), 'job', 'next');
    await eventually(() => expect(post.names()).toContain('next'));
    await settled(stage.raw, 'job.ask');
    const expected = (await stage.raw.exists('{job.ask}:dead')) + keys;
    expect(await stage.raw.dbsize()).toBe(expected);
    expect(await stage.raw.get('victim')).toBe('untouched');
    expect(await stage.raw.xlen('job')).toBe(1);
  });
});

/** The longest work that this process did without a pause. In CPU time: others on the machine do not count as a stall. */
function watchLoop(): { worst: () => number } {
  let lastTurn = performance.now();
  let lastUsage = process.cpuUsage();
  let worst = 0;
  const timer = setInterval(() => {
    const now = performance.now();
    const { user, system } = process.cpuUsage(lastUsage);
    // Threads of the engine count among the CPU time, so that it can be more than what has passed.
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
