import type { RedisStreamServer } from 'nestjs-redis-stream-transport';
import { setTimeout as pause } from 'node:timers/promises';
import { fill } from '../support/backlog.js';
import { deferred } from '../support/deferred.js';
import { eventually } from '../support/eventually.js';
import { onEvent } from '../support/handlers.js';
import { RunCount } from '../support/run-count.js';
import { useStage } from '../support/stage.js';
import type { Service, ServiceSetting } from '../support/stage.js';
import { infoOf, pendingOf, settled } from '../support/stream-view.js';

/** The option and the event under test, independent of the types of the library. */
type Option = NonNullable<ServiceSetting['option']> & { readonly groupTtl?: number };
interface Abandoned {
  readonly stream: string;
  readonly group: string;
  readonly lag: number;
}

const stage = useStage();
const SWEEP_MS = 200;
const GROUP_TTL_MS = 2_000;
/** Streams are trimmed in whole nodes of a hundred entries. */
const NODE = 100;
/** Long enough for an unwanted effect to happen several times. */
const MANY_SWEEPS_MS = 8 * SWEEP_MS;

/** A service that counts its runs, and records which groups are reported as abandoned. */
async function serve(option: Option, act: (data: unknown) => unknown = () => undefined): Promise<Watched> {
  const count = new RunCount();
  const abandoned: Abandoned[] = [];
  const handler = onEvent('job', (data) => {
    count.record(data);
    return act(data);
  });
  const service = await stage.serve([handler], {
    option: { sweepInterval: SWEEP_MS, block: 500, ...option },
    prepare: (_app, server) => listen(server, (event) => abandoned.push(event)),
  });
  return { ...service, count, abandoned };
}

interface Watched extends Service {
  readonly count: RunCount;
  readonly abandoned: Abandoned[];
}

function listen(server: RedisStreamServer, listener: (event: Abandoned) => void): void {
  server.on('groupAbandoned' as never, listener as never);
}

async function expectAllRun({ count }: Watched, messages: number): Promise<void> {
  await eventually(() => expect(count.messages).toBe(messages), { within: 20_000 });
  expect(count.runs).toBe(messages);
}

const groupNames = async (): Promise<string[]> =>
  (await infoOf(stage.raw, 'GROUPS', 'job')).map(({ name }) => String(name)).toSorted();

describe('a group that no consumer reads any more', () => {
  it('is reported once when it holds back more than ten times the retention, and keeps its entries', async () => {
    await stage.raw.xgroup('CREATE', 'job', 'old', '0', 'MKSTREAM');
    const live = await serve({ retention: { maxLength: 100 } });
    await fill(stage.raw, 'job', 1_200);
    await expectAllRun(live, 1_200);
    await eventually(() => expect(live.abandoned).toHaveLength(1));
    expect(live.abandoned).toEqual([{ stream: 'job', group: 'old', lag: expect.any(Number) as number }]);
    expect(live.abandoned[0]?.lag).toBeGreaterThan(1_000);
    await fill(stage.raw, 'job', 200, 1_200);
    await expectAllRun(live, 1_400);
    await pause(MANY_SWEEPS_MS);
    expect(live.abandoned).toHaveLength(1);
    expect(await stage.raw.xlen('job')).toBe(1_400);
  });

  it('is not reported while it holds back less', async () => {
    await stage.raw.xgroup('CREATE', 'job', 'late', '0', 'MKSTREAM');
    const live = await serve({ retention: { maxLength: 1_000 } });
    await fill(stage.raw, 'job', 1_200);
    await expectAllRun(live, 1_200);
    await pause(MANY_SWEEPS_MS);
    expect(live.abandoned).toEqual([]);
  });

  it.each([
    ['that were stopped', 0],
    ['that died with pending entries', 7],
  ])(
    'holds nothing back after its groupTtl, with consumers %s, and the live group loses nothing',
    async (_how, left) => {
      const old = await serve({ consumerGroup: 'old', groupTtl: GROUP_TTL_MS, retention: { maxLength: 1_000 } });
      await fill(stage.raw, 'job', 10);
      await expectAllRun(old, 10);
      await settled(stage.raw, 'job', 'old');
      await old.close();
      const live = await serve({ groupTtl: GROUP_TTL_MS, retention: { maxLength: 1_000 } });
      await fill(stage.raw, 'job', 49_990, 10);
      if (left > 0) await stage.raw.xreadgroup('GROUP', 'old', 'dead', 'COUNT', left, 'STREAMS', 'job', '>');
      await expectAllRun(live, 50_000);
      await settled(stage.raw, 'job');
      const within = GROUP_TTL_MS + 2 * SWEEP_MS + 2_000;
      await eventually(async () => expect(await stage.raw.xlen('job')).toBeLessThanOrEqual(1_000 + NODE), { within });
      expect(await stage.raw.xlen('job')).toBeGreaterThanOrEqual(1_000);
      await eventually(() => expect(live.abandoned.map(({ group }) => group)).toEqual(['old']));
      // The group is not destroyed: a server that reads it again finds it.
      expect(await groupNames()).toEqual(['old', 'service']);
      expect(await pendingOf(stage.raw, 'job', 'old')).toBe(left);
    },
    60_000,
  );

  it('is not one whose consumer is alive, however long the consumer holds an entry', async () => {
    const gate = deferred();
    const option = { groupTtl: GROUP_TTL_MS, lease: 900, retention: { maxLength: 10 } };
    const slow = await serve({ ...option, consumerGroup: 'slow' }, (data) => (data === 0 ? gate.promise : undefined));
    stage.owns(() => gate.resolve());
    const live = await serve(option);
    await fill(stage.raw, 'job', 500);
    await Promise.all([expectAllRun(live, 500), expectAllRun(slow, 500)]);
    await pause(2 * GROUP_TTL_MS);
    expect(await stage.raw.xlen('job')).toBe(500);
    gate.resolve();
    await settled(stage.raw, 'job', 'slow');
    await eventually(async () => expect(await stage.raw.xlen('job')).toBeLessThanOrEqual(10 + NODE));
    expect([slow.count.repeated, live.count.repeated]).toEqual([0, 0]);
  });

  it('keeps its unread entries where its own servers set no groupTtl, whatever other servers set', async () => {
    const careful = await serve({ consumerGroup: 'careful', retention: { maxLength: 10 } });
    await fill(stage.raw, 'job', 1);
    await expectAllRun(careful, 1);
    await settled(stage.raw, 'job', 'careful');
    await careful.close();
    const live = await serve({ groupTtl: GROUP_TTL_MS, retention: { maxLength: 10 } });
    await fill(stage.raw, 'job', 499, 1);
    await expectAllRun(live, 500);
    await pause(GROUP_TTL_MS + MANY_SWEEPS_MS);
    expect(await stage.raw.xlen('job')).toBeGreaterThanOrEqual(499);
    const again = await serve({ consumerGroup: 'careful', retention: { maxLength: 10 } });
    await expectAllRun(again, 499);
  });
});

describe('retention of two groups of one stream', () => {
  it('keeps the larger of the two lengths, whichever group trims', async () => {
    const audit = await serve({ consumerGroup: 'audit', retention: { maxLength: 1_000 } });
    const live = await serve({ retention: { maxLength: 10 } });
    for (let batch = 0; batch < 4; batch += 1) {
      await fill(stage.raw, 'job', 1_000, batch * 1_000);
      await Promise.all([audit, live].map((service) => expectAllRun(service, (batch + 1) * 1_000)));
      await pause(2 * SWEEP_MS);
    }
    await eventually(async () => expect(await stage.raw.xlen('job')).toBeLessThanOrEqual(1_000 + NODE));
    await pause(MANY_SWEEPS_MS);
    expect(await stage.raw.xlen('job')).toBeGreaterThanOrEqual(1_000);
  });
});
