import { setTimeout as pause } from 'node:timers/promises';
import { fill } from '../support/backlog.js';
import { eventually } from '../support/eventually.js';
import { onEvent } from '../support/handlers.js';
import { useStage } from '../support/stage.js';
import { pendingOf, settled } from '../support/stream-view.js';

const stage = useStage();

const CONCURRENCY = 8;
/** Entries that one lane may hold for later, plus one read. */
const BOUND = CONCURRENCY * 64 + 256;
const FAILING = 3_000;
const WATCHED_MS = 5_000;
/** A test may see the end of one interval of ten seconds and the beginning of the next. */
const MOST_WARNINGS = 2;
const OPTION = { concurrency: CONCURRENCY, maxAttempts: 1 };

const failing = onEvent('job', () => {
  throw new Error('never');
});

function warningsAbout(stream: string): string[] {
  const lines = stage.log.lines.filter(({ level, text }) => level === 'warn' && text.includes('could not be stored'));
  return lines.filter(({ text }) => text.includes(`"${stream}"`)).map(({ text }) => text);
}

describe('dead letters that cannot be stored', () => {
  it('are bounded, logged once in ten seconds, and stored once the key has the right type again', async () => {
    await stage.raw.set('{job}:dead', 'not a stream');
    await stage.serve([failing], { option: OPTION });
    await fill(stage.raw, 'job', FAILING);
    await expectBounded();
    await stage.raw.del('{job}:dead');
    await expectAllStored();
  }, 60_000);

  it('are bounded, logged once in ten seconds, and stored once Redis has memory again', async () => {
    stage.owns(() => stage.raw.config('SET', 'maxmemory', '0'));
    await stage.raw.xgroup('CREATE', 'job', 'service', '0', 'MKSTREAM');
    await stage.serve([failing], { option: OPTION });
    await fill(stage.raw, 'job', 1);
    await eventually(async () => expect(await stage.raw.xlen('{job}:dead')).toBe(1));
    await fill(stage.raw, 'job', FAILING - 1, 1);
    await stage.raw.config('SET', 'maxmemory', '1');
    const stored = await stage.raw.xlen('{job}:dead');
    expect(stored).toBeLessThan(FAILING);
    await expectBounded();
    await stage.raw.config('SET', 'maxmemory', '0');
    await expectAllStored();
  }, 60_000);

  it.each([
    ['with slots of its own', { concurrency: 1 }],
    ['with the same slots', {}],
  ])(
    'do not delay another handler: one %s',
    async (_which, extras) => {
      const heard: unknown[] = [];
      await stage.raw.set('{job}:dead', 'not a stream');
      await stage.serve([failing, onEvent('calm', (data) => heard.push(data), extras)], { option: OPTION });
      await fill(stage.raw, 'job', FAILING);
      await eventually(async () => expect(await pendingOf(stage.raw, 'job')).toBeGreaterThan(CONCURRENCY * 15));
      await fill(stage.raw, 'calm', 5);
      await eventually(() => expect(heard).toEqual([0, 1, 2, 3, 4]), { within: 3_000 });
      await stage.raw.del('{job}:dead');
      await expectAllStored();
    },
    60_000,
  );
});

/** Watches held entries and warnings for as long as a server without a bound would need to hold all entries. */
async function expectBounded(): Promise<void> {
  const end = performance.now() + WATCHED_MS;
  let mostHeld = 0;
  while (performance.now() < end) {
    mostHeld = Math.max(mostHeld, await pendingOf(stage.raw, 'job'));
    await pause(50);
  }
  expect(mostHeld).toBeLessThanOrEqual(BOUND);
  const warnings = warningsAbout('job').length;
  expect(warnings).toBeGreaterThan(0);
  expect(warnings).toBeLessThanOrEqual(MOST_WARNINGS);
}

async function expectAllStored(): Promise<void> {
  await eventually(async () => expect(await stage.raw.xlen('{job}:dead')).toBe(FAILING), { within: 25_000 });
  await settled(stage.raw, 'job');
}

describe('a group that is destroyed while its dead letters cannot be stored', () => {
  it('is created again, and handles what is sent from then on', async () => {
    const heard: unknown[] = [];
    let isBroken = true;
    const handler = onEvent('job', (data) => {
      if (isBroken) throw new Error('broken');
      heard.push(data);
    });
    await stage.serve([handler], { option: { ...OPTION, concurrency: 1, maxAttempts: 1 } });
    await stage.raw.set('{job}:dead', 'not a stream');
    await fill(stage.raw, 'job', 200);
    await eventually(async () => expect(await pendingOf(stage.raw, 'job')).toBeGreaterThanOrEqual(64));
    await stage.raw.flushall();
    isBroken = false;
    await eventually(async () => expect(await stage.raw.exists('job')).toBe(1), { within: 10_000 });
    await fill(stage.raw, 'job', 3);
    await eventually(() => expect(heard).toEqual([0, 1, 2]));
  });
});
