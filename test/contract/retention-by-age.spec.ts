import { eventually } from '../support/eventually.js';
import { onEvent } from '../support/handlers.js';
import { useStage } from '../support/stage.js';

const stage = useStage();

const NODE = 100;
const ADD_OLD = `for n = 1, tonumber(ARGV[1]) do redis.call('XADD', KEYS[1], n .. '-1', 'data', tostring(n)) end`;

/** Entries of the first minute of 1970, all of which the group has settled. */
async function addSettled(count: number): Promise<void> {
  await stage.raw.eval(ADD_OLD, 1, 'job', count);
  await stage.raw.xgroup('CREATE', 'job', 'service', '$');
}

/** The trims that Redis receives, from scripts too. */
async function watchTrims(): Promise<string[]> {
  const trims: string[] = [];
  const monitor = await stage.raw.monitor();
  stage.owns(() => monitor.disconnect());
  monitor.on('monitor', (_time: string, args: string[]) => {
    if (/^xtrim$/i.test(args[0] ?? '')) trims.push(args.join(' '));
  });
  return trims;
}

const handler = onEvent('job', () => undefined);

describe('retention by age', () => {
  it('trims settled entries older than maxAge, although there are fewer than maxLength', async () => {
    await addSettled(2_000);
    await stage.serve([handler], { option: { retention: { maxAge: 60_000 }, sweepInterval: 100 } });
    await eventually(async () => expect(await stage.raw.xlen('job')).toBeLessThanOrEqual(NODE));
  });

  it('trims large numbers of entries in portions, so that Redis answers other clients in between', async () => {
    await addSettled(60_000);
    const trims = await watchTrims();
    await stage.serve([handler], { option: { retention: { maxAge: 60_000 }, sweepInterval: 100 } });
    await eventually(async () => expect(await stage.raw.xlen('job')).toBeLessThanOrEqual(NODE));
    expect(trims[0]).toMatch(/ LIMIT \d+$/i);
  });
});
