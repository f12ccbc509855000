import { fill } from '../support/backlog.js';
import { eventually } from '../support/eventually.js';
import { onEvent } from '../support/handlers.js';
import { useStage } from '../support/stage.js';

const stage = useStage();

const DEFAULT_LENGTH = 10_000;
/** Streams are trimmed in whole nodes. */
const NODE = 100;

beforeEach(() => {
  stage.owns(() => stage.raw.config('SET', 'maxmemory', '0'));
});

/** Starts a service that keeps `maxLength` entries and has 20,000 of them, while Redis is out of memory. */
async function drainWithoutMemory(maxLength: number): Promise<void> {
  await stage.raw.xgroup('CREATE', 'job', 'service', '0', 'MKSTREAM');
  await fill(stage.raw, 'job', 20_000);
  await stage.raw.config('SET', 'maxmemory', '1');
  const option = { sweepInterval: 200, retention: { maxLength } };
  await stage.serve([onEvent('job', () => undefined)], { option });
}

const untilTrimmedTo = (length: number): Promise<void> =>
  eventually(async () => expect(await stage.raw.xlen('job')).toBeLessThanOrEqual(length + NODE), { every: 100 });

describe('a stream whose group asks for a retention while Redis is out of memory', () => {
  it('is trimmed to the length that the group asked for earlier', async () => {
    await stage.raw.hset('{job}:shape', 'keep:service', '500');
    await drainWithoutMemory(500);
    await untilTrimmedTo(500);
  });

  it('is trimmed to the default until the group can store its own length', async () => {
    await drainWithoutMemory(500);
    await untilTrimmedTo(DEFAULT_LENGTH);
    await stage.raw.config('SET', 'maxmemory', '0');
    await fill(stage.raw, 'job', 2 * NODE);
    await untilTrimmedTo(500);
  });

  it('keeps what the group wants to keep, although its length could not be stored', async () => {
    await drainWithoutMemory(15_000);
    await untilTrimmedTo(15_000);
    expect(await stage.raw.xlen('job')).toBeGreaterThanOrEqual(15_000);
  });
});
