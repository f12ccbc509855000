import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RedisStreamUnrecoverableError } from 'nestjs-redis-stream-transport';
import { DataSource } from 'typeorm';
import { dataSourceOptions } from '../../apps/shared/database/data-source.js';
import type { CampaignStatus, Channel } from '../../apps/shared/contracts/index.js';
import { CampaignReports } from '../../apps/responder/src/campaigns/campaign-reports.js';
import { Campaigns } from '../../apps/responder/src/campaigns/campaigns.js';
import { ParkedIntents } from '../../apps/responder/src/campaigns/parked-intents.js';
import { Statements, UnstorableValueError } from '../../apps/shared/database/statements.js';
import { Intents } from '../../apps/responder/src/campaigns/intents/intents.js';
import type { IntentKey } from '../../apps/responder/src/campaigns/intents/intents.js';
import { CLAIM, DROP, REOPEN, SETTLE } from '../../apps/responder/src/campaigns/intents/intents.sql.js';
import { CompiledApps } from '../../scripts/launcher/compiled-apps.js';
import { eventually } from '../support/eventually.js';
import { CampaignBacking } from './support/campaign-backing.js';

const USERS = 20;
const everybody = Array.from({ length: USERS }, (_, n) => n + 1);

let directory: string;
let compiled: CompiledApps;
let backing: CampaignBacking;
let sources: DataSource[];
/** These two stand for two processes, each with its own connections and batches. */
let one: Intents;
let other: Intents;
let campaigns: Campaigns;
let reports: CampaignReports;
let parked: ParkedIntents;
let id: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'redis-stream-intents-'));
  compiled = await CompiledApps.compile();
  backing = await CampaignBacking.start({ users: USERS }, compiled, directory);
  const connect = async (): Promise<DataSource> => new DataSource(dataSourceOptions(backing.databaseUrl)).initialize();
  sources = [await connect(), await connect()];
  const [first, second] = sources.map((source) => new Statements(source)) as [Statements, Statements];
  one = new Intents(first);
  other = new Intents(second);
  campaigns = new Campaigns(first);
  reports = new CampaignReports(second);
  parked = new ParkedIntents(first);
}, 60_000);

afterAll(async () => {
  await Promise.all((sources ?? []).map((source) => source.destroy()));
  await backing?.stop();
  compiled?.remove();
  rmSync(directory, { recursive: true, force: true });
});

beforeEach(async () => {
  id = randomUUID();
  await campaigns.add({ id, name: 'n', subject: 's', body: 'b', channels: ['email'] });
  await campaigns.begin(id, { users: USERS, lastId: USERS });
  await campaigns.advance(id, 0, { users: USERS, lastId: USERS });
});

/** Another campaign to the same users, already begun. */
const anotherCampaign = async (channels: readonly Channel[]): Promise<string> => {
  const anotherId = randomUUID();
  await campaigns.add({ id: anotherId, name: 'n', subject: 's', body: 'b', channels });
  await campaigns.begin(anotherId, { users: USERS, lastId: USERS });
  await campaigns.advance(anotherId, 0, { users: USERS, lastId: USERS });
  return anotherId;
};

const mailTo = (userId: number): IntentKey => ({ campaignId: id, userId, channel: 'email' });
const parkedUsers = async (): Promise<number[]> => {
  const users: number[] = [];
  for await (const page of parked.pages(id)) users.push(...page.map((user) => user.id));
  return users;
};

describe('intents', () => {
  it('are opened once, and returned again until they are claimed', async () => {
    expect(await one.open(id, everybody)).toHaveLength(USERS);
    expect(await other.open(id, everybody)).toHaveLength(USERS);
    await one.claim({ ...mailTo(3), entry: '1-1' });
    expect((await other.open(id, everybody)).map(({ userId }) => userId)).not.toContain(3);
    expect(await other.open(id, everybody)).toHaveLength(USERS - 1);
  });

  it('belong to the entry that claims them first, even if two processes claim at the same time', async () => {
    await one.open(id, everybody);
    const claims = await Promise.all(
      everybody.flatMap((userId) => [
        one.claim({ ...mailTo(userId), entry: `1-${userId}` }),
        one.claim({ ...mailTo(userId), entry: `2-${userId}` }),
        other.claim({ ...mailTo(userId), entry: `3-${userId}` }),
      ]),
    );
    for (const userId of everybody) expect(claims.slice(userId * 3 - 3, userId * 3).filter(Boolean)).toHaveLength(1);
  });

  it('can be claimed again by their own entry, after its process died', async () => {
    await one.open(id, [1]);
    expect(await one.claim({ ...mailTo(1), entry: '1-1' })).toBe(true);
    expect(await other.claim({ ...mailTo(1), entry: '1-1' })).toBe(true);
    expect(await other.claim({ ...mailTo(1), entry: '1-2' })).toBe(false);
  });

  it.each([
    ['claimed', CLAIM, 1],
    ['dropped', DROP, 1],
    ['settled', SETTLE, 2],
    ['opened again', REOPEN, 0],
  ] as const)(
    'are %s by their primary key, even while the database has no statistics for the table',
    async (_name, sql, more) => {
      for (let from = 0; from < 5_000; from += 250) {
        const page = Array.from({ length: 250 }, (_, n) => from + n + 1);
        await one.open(id, page);
      }
      const users = Array.from({ length: 60 }, (_, n) => n + 1);
      const values = [id, users, users.map(() => 'email'), ...Array.from({ length: more }, () => users.map(String))];
      const plan = await sources[0]?.query<{ 'QUERY PLAN': string }[]>(`EXPLAIN ${sql}`, values);
      const steps = plan?.map((row) => row['QUERY PLAN']).join('\n');
      expect(steps).toContain('intents_pkey');
      expect(steps).not.toContain('Seq Scan on intents');
    },
  );

  it('count once, however often their result is reported', async () => {
    await one.open(id, everybody);
    await campaigns.endFanOut(id);
    const results = everybody.flatMap((userId) => [
      one.settle({ ...mailTo(userId), state: userId % 4 === 0 ? 'refused' : 'sent' }),
      other.settle({ ...mailTo(userId), state: userId % 4 === 0 ? 'refused' : 'sent' }),
    ]);
    await Promise.all(results);
    expect(await reports.find(id)).toMatchObject({ status: 'done', audience: USERS, sent: 15, failed: 5, queued: 0 });
  });

  it('are done when the last one is settled, but not before the fan-out has ended', async () => {
    await one.open(id, everybody);
    await Promise.all(everybody.map((userId) => one.settle({ ...mailTo(userId), state: 'sent' })));
    expect(await reports.find(id)).toMatchObject({ status: 'fanning-out', sent: USERS, finishedAt: null });
    await campaigns.endFanOut(id);
    expect(await reports.find(id)).toMatchObject({ status: 'done', finishedAt: expect.any(String) as string });
  });

  it('are parked by a claim while the campaign is paused, and queued again afterwards', async () => {
    await one.open(id, [1, 2]);
    expect(await campaigns.order(id, 'pause')).toBe(true);
    expect(await one.claim({ ...mailTo(1), entry: '1-1' })).toBe(false);
    await one.open(id, [2, 3]);
    expect(await parkedUsers()).toEqual([1, 3]);
    expect(await one.open(id, [1, 3])).toEqual([]);
    expect(await campaigns.order(id, 'resume')).toBe(true);
    expect(await one.open(id, [1, 3])).toHaveLength(2);
    expect(await parkedUsers()).toEqual([]);
    expect(await one.claim({ ...mailTo(1), entry: '2-1' })).toBe(true);
  });

  it('are found while they are parked, even those of users who were deleted', async () => {
    const ids = Array.from({ length: 2_500 }, (_, n) => n + 1);
    await campaigns.order(id, 'pause');
    for (let from = 0; from < ids.length; from += 250) await one.open(id, ids.slice(from, from + 250));
    expect(await parkedUsers()).toEqual(ids);
    for await (const page of parked.pages(id)) {
      for (const user of page) expect(user.email === '').toBe(user.id > USERS);
    }
  });

  it('are never lost between a pause and a resume, whichever comes first', async () => {
    await one.open(id, everybody);
    const claims = everybody.map((userId) => one.claim({ ...mailTo(userId), entry: `1-${userId}` }));
    const orders = (async (): Promise<void> => {
      for (let round = 0; round < 5; round++) {
        await campaigns.order(id, 'pause');
        await campaigns.order(id, 'resume');
      }
    })();
    const isMine = await Promise.all(claims);
    await orders;
    const waiting = new Set(await parkedUsers());
    for (const userId of everybody) expect(isMine[userId - 1]).toBe(!waiting.has(userId));
  });

  it('fail when they are exhausted, until a redriven entry claims them again', async () => {
    await one.open(id, [1]);
    await campaigns.endFanOut(id);
    await one.claim({ ...mailTo(1), entry: '1-1' });
    await one.settle({ ...mailTo(1), state: 'exhausted', error: 'the server was down' });
    expect(await reports.find(id)).toMatchObject({ failed: 1, sent: 0 });
    expect(await other.claim({ ...mailTo(1), entry: '9-9' })).toBe(true);
    expect(await reports.find(id)).toMatchObject({ failed: 0, sent: 0, queued: USERS });
    await other.settle({ ...mailTo(1), state: 'sent' });
    expect(await reports.find(id)).toMatchObject({ failed: 0, sent: 1 });
  });

  it.each<[string, (end: () => Promise<void>) => Promise<void>]>([
    ['after the fan-out', async (settle): Promise<void> => (await campaigns.endFanOut(id), settle())],
    ['before the end of the fan-out', async (settle): Promise<void> => (await settle(), campaigns.endFanOut(id))],
  ])('of a campaign that was done %s while it was paused can be redriven', async (_name, end) => {
    await one.open(id, everybody);
    await one.claim({ ...mailTo(1), entry: '1-1' });
    await end(async () => {
      await campaigns.order(id, 'pause');
      await one.settle({ ...mailTo(1), state: 'exhausted', error: 'the server was down' });
      await Promise.all(everybody.slice(1).map((userId) => one.settle({ ...mailTo(userId), state: 'sent' })));
    });
    expect(await reports.find(id)).toMatchObject({ status: 'done', failed: 1 });
    expect(await other.claim({ ...mailTo(1), entry: '1-1' })).toBe(true);
    expect(await reports.find(id)).toMatchObject({ status: 'sending', paused: false, failed: 0 });
  });

  it('stay refused or sent', async () => {
    await one.open(id, [1, 2]);
    await one.settle({ ...mailTo(1), state: 'refused', error: '550' });
    await one.settle({ ...mailTo(2), state: 'sent' });
    expect(await other.claim({ ...mailTo(1), entry: '9-9' })).toBe(false);
    expect(await other.claim({ ...mailTo(2), entry: '9-9' })).toBe(false);
    await other.settle({ ...mailTo(1), state: 'sent' });
    expect(await reports.find(id)).toMatchObject({ sent: 1, failed: 1 });
  });

  it('are neither opened nor claimed once their campaign is cancelled', async () => {
    await one.open(id, [1]);
    expect(await campaigns.order(id, 'cancel')).toBe(true);
    expect(await one.claim({ ...mailTo(1), entry: '1-1' })).toBe(false);
    await one.open(id, [2]);
    expect(await one.claim({ ...mailTo(2), entry: '1-2' })).toBe(false);
    for (const action of ['pause', 'resume', 'cancel'] as const) expect(await campaigns.order(id, action)).toBe(false);
  });

  it('fail alone when the database cannot store their result, and at once', async () => {
    await one.open(id, everybody);
    const settled = await Promise.allSettled(
      everybody.map((userId) =>
        one.settle({
          ...mailTo(userId),
          state: 'refused',
          error: userId === 7 ? 'a NUL \u0000 in it' : 'no such mailbox',
        }),
      ),
    );
    const failures = settled.flatMap((each, index) => (each.status === 'rejected' ? [[index + 1, each.reason]] : []));
    expect(failures).toEqual([[7, expect.any(UnstorableValueError)]]);
    expect(await reports.find(id)).toMatchObject({ failed: USERS - 1, sent: 0 });
  });

  it('fail alone when their user cannot exist', async () => {
    await one.open(id, [1, 2]);
    const claims = [1, 2_147_483_648, 2].map((userId) => one.claim({ ...mailTo(userId), entry: `1-${userId}` }));
    const [first, impossible, second] = await Promise.allSettled(claims);
    expect([first, second]).toEqual([
      { status: 'fulfilled', value: true },
      { status: 'fulfilled', value: true },
    ]);
    expect(impossible).toMatchObject({ status: 'rejected', reason: expect.any(RedisStreamUnrecoverableError) });
  });

  it('are final at once when their campaign is cancelled while none of them is in flight', async () => {
    await one.open(id, everybody);
    await one.claim({ ...mailTo(1), entry: '1-1' });
    await one.settle({ ...mailTo(1), state: 'sent' });
    await campaigns.order(id, 'cancel');
    expect(await reports.find(id)).toMatchObject({
      status: 'cancelled',
      sent: 1,
      queued: USERS - 1,
      cancelled: USERS - 1,
      finishedAt: expect.any(String) as string,
    });
  });

  it('are awaited after a cancel while workers have them in hand, whether they are settled or given up', async () => {
    await one.open(id, everybody);
    for (const userId of [1, 2, 3]) await one.claim({ ...mailTo(userId), entry: `1-${userId}` });
    await campaigns.order(id, 'cancel');
    const waiting = { status: 'cancelled', finishedAt: null, ratePerSecond: 0, etaSeconds: null };
    expect(await reports.find(id)).toMatchObject({ ...waiting, sent: 0, queued: USERS, cancelled: USERS - 3 });

    await other.settle({ ...mailTo(1), state: 'sent' });
    expect(await reports.find(id)).toMatchObject({ ...waiting, sent: 1, queued: USERS - 1, cancelled: USERS - 3 });
    // Its worker died, or its attempt failed: the entry comes back and may not send it any more.
    expect(await other.claim({ ...mailTo(2), entry: '1-2' })).toBe(false);
    expect(await other.claim({ ...mailTo(2), entry: '1-2' })).toBe(false);
    // Neither was in flight.
    expect(await one.claim({ ...mailTo(4), entry: '1-4' })).toBe(false);
    expect(await one.claim({ ...mailTo(3), entry: '9-9' })).toBe(false);
    expect(await reports.find(id)).toMatchObject({ ...waiting, sent: 1, cancelled: USERS - 2 });

    await one.settle({ ...mailTo(3), state: 'refused', error: '550' });
    const final = await reports.find(id);
    expect(final).toMatchObject({ sent: 1, failed: 1, queued: USERS - 2, cancelled: USERS - 2 });
    expect(final?.finishedAt).toEqual(expect.any(String));
    await one.settle({ ...mailTo(3), state: 'sent' });
    expect(await reports.find(id)).toEqual(final);
  });

  it('are all accounted for, whatever is claimed and settled while the campaign is being cancelled', async () => {
    await one.open(id, everybody);
    const runs = everybody.map(async (userId) => {
      const intents = userId % 2 === 0 ? one : other;
      const isMine = await intents.claim({ ...mailTo(userId), entry: `1-${userId}` });
      if (isMine) await intents.settle({ ...mailTo(userId), state: 'sent' });
      return isMine;
    });
    const cancel = campaigns.order(id, 'cancel');
    const sent = (await Promise.all(runs)).filter(Boolean).length;
    expect(await cancel).toBe(true);
    expect(await reports.find(id)).toMatchObject({
      sent,
      cancelled: USERS - sent,
      finishedAt: expect.any(String) as string,
    });
  });

  it('are awaited after a cancel from the start if they are SMS, which the SMS flow sends in any case', async () => {
    const both = await anotherCampaign(['email', 'sms']);
    await one.open(both, [1, 2]);
    await campaigns.order(both, 'cancel');
    expect(await reports.find(both)).toMatchObject({ queued: 2 * USERS, cancelled: 2 * USERS - 2, finishedAt: null });
    for (const userId of [1, 2]) await one.settle({ campaignId: both, userId, channel: 'sms', state: 'sent' });
    expect(await reports.find(both)).toMatchObject({ sent: 2, finishedAt: expect.any(String) as string });
  });

  it('show no rate and no end while their campaign is paused, however recently they were sent', async () => {
    await one.open(id, everybody);
    await one.settle({ ...mailTo(1), state: 'sent' });
    await one.settle({ ...mailTo(2), state: 'sent' });
    const moving = await eventually(async () => {
      const status = await reports.find(id);
      expect(status?.ratePerSecond).toBeGreaterThan(0);
      return status;
    });
    expect(moving?.etaSeconds).toBeGreaterThan(0);
    await campaigns.order(id, 'pause');
    expect(await reports.find(id)).toMatchObject({ sent: 2, ratePerSecond: 0, etaSeconds: null });
    await campaigns.order(id, 'resume');
    expect((await reports.find(id))?.ratePerSecond).toBeGreaterThan(0);
  });
});

describe('the list of campaigns', () => {
  const NEWER = 60;

  it('holds every unfinished campaign and those that finished last, newest first', async () => {
    const [database] = sources;
    await database?.query(
      `INSERT INTO campaigns (id, name, subject, body, channels, status, created_at, started_at, finished_at)
      SELECT gen_random_uuid(), 'newer ' || n, 's', 'b', '{email}', 'done', at, at, at
      FROM generate_series(1, ${NEWER}) AS n, LATERAL (SELECT now() + n * interval '1 second' AS at) AS times`,
    );
    const isNewer = ({ name }: CampaignStatus): boolean => name.startsWith('newer');
    const before = await reports.latest();
    expect(before.filter(isNewer).map(({ name }) => name)).toEqual(
      Array.from({ length: 50 }, (_, n) => `newer ${NEWER - n}`),
    );
    expect(before.find((each) => each.id === id)).toMatchObject({ status: 'fanning-out', finishedAt: null });
    expect(before.map(({ createdAt }) => createdAt)).toEqual(
      before
        .map(({ createdAt }) => createdAt)
        .toSorted()
        .toReversed(),
    );

    await database?.query(`UPDATE campaigns SET finished_at = now() + interval '1 hour' WHERE id = $1`, [id]);
    const after = await reports.latest();
    expect(after.find((each) => each.id === id)).toMatchObject({ finishedAt: expect.any(String) });
    expect(after.filter(isNewer)).toHaveLength(49);
    await database?.query(`DELETE FROM campaigns WHERE name LIKE 'newer %'`);
  });
});

describe('a campaign that cannot be started', () => {
  const unstarted = async (): Promise<string> => {
    const campaignId = randomUUID();
    await campaigns.add({ id: campaignId, name: 'n', subject: 's', body: 'b', channels: ['email'] });
    await campaigns.fail(campaignId);
    return campaignId;
  };

  it('has failed with an end and without a message, and can only be cancelled', async () => {
    const failed = await unstarted();
    const expected = { status: 'failed', paused: false, audience: 0, queued: 0, startedAt: null };
    expect(await reports.find(failed)).toMatchObject({ ...expected, finishedAt: expect.any(String) });
    expect(await campaigns.order(failed, 'pause')).toBe(false);
    expect(await campaigns.order(failed, 'resume')).toBe(false);
    expect(await campaigns.order(failed, 'cancel')).toBe(true);
    await campaigns.begin(failed, { users: USERS, lastId: USERS });
    expect(await reports.find(failed)).toMatchObject({ status: 'cancelled', audience: 0 });
  });

  it('starts after all when its dead letter is redriven', async () => {
    const failed = await unstarted();
    await campaigns.add({ id: failed, name: 'n', subject: 's', body: 'b', channels: ['email'] });
    expect(await reports.find(failed)).toMatchObject({ status: 'queued', finishedAt: null });
    await campaigns.begin(failed, { users: USERS, lastId: USERS });
    expect(await reports.find(failed)).toMatchObject({ status: 'fanning-out', audience: USERS, finishedAt: null });
  });

  it('is not one whose fan-out has begun', async () => {
    await campaigns.fail(id);
    expect(await reports.find(id)).toMatchObject({ status: 'fanning-out', finishedAt: null });
  });
});

describe('the audience of a campaign', () => {
  let published: string;

  beforeEach(async () => {
    published = randomUUID();
    await campaigns.add({ id: published, name: 'n', subject: 's', body: 'b', channels: ['email', 'sms'] });
    await campaigns.begin(published, { users: USERS, lastId: USERS });
  });

  const settleAll = async (users: number): Promise<void> => {
    const ids = Array.from({ length: users }, (_, n) => n + 1);
    await one.open(published, ids);
    const intents = ids.flatMap((userId) => [
      { userId, channel: 'email' as const },
      { userId, channel: 'sms' as const },
    ]);
    await Promise.all(intents.map((each) => one.settle({ campaignId: published, ...each, state: 'sent' })));
  };

  it.each([
    ['were deleted', 15],
    ['were added', 23],
  ])('is what was published, if users %s meanwhile', async (_name, users) => {
    await campaigns.advance(published, 0, { users: users - 10, lastId: 12 });
    // Published again by another process that knew nothing of the first one.
    expect(await campaigns.advance(published, 0, { users: 9, lastId: 11 })).toMatchObject({ cursor: 12 });
    await campaigns.advance(published, 12, { users: 10, lastId: USERS });
    await settleAll(users);
    expect((await reports.find(published))?.queued).toBeGreaterThanOrEqual(0);
    await campaigns.endFanOut(published);
    const expected = { status: 'done', audience: 2 * users, sent: 2 * users, queued: 0 };
    expect(await reports.find(published)).toMatchObject(expected);
  });

  it('never leaves fewer messages than none', async () => {
    await settleAll(USERS + 1);
    expect(await reports.find(published)).toMatchObject({ audience: 2 * USERS + 2, queued: 0 });
  });
});
