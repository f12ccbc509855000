import { jest } from '@jest/globals';
import { Client } from 'pg';
import type { CampaignStatus } from '../../apps/shared/contracts/index.js';
import { eventually } from '../support/eventually.js';
import { discrepancies } from './campaign/campaign-account.js';
import { CampaignRun } from './campaign/campaign-run.js';
import { DemoStack } from './support/demo-stack.js';
import { get, post } from './support/http.js';

const USERS = 2_000;
const PATIENCE = { within: 90_000 };
const TEXT = { name: 'Spring', subject: 'Hello {{name}}', body: 'Dear {{name}}, it is spring.' };

interface Mail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly listUnsubscribe: string;
}

jest.setTimeout(180_000);

describe('a campaign while everything fails at times', () => {
  it('mails each of 2,000 users, whichever process is killed and whatever the mail server refuses at first', async () => {
    const account = await CampaignRun.of({
      users: USERS,
      responders: 2,
      killEverySeconds: 3,
      failRate: 0.1,
      isRedisKilled: true,
      withinSeconds: 150,
      tell: () => undefined,
    });
    expect(discrepancies(account)).toEqual([]);
    expect(account).toMatchObject({ audience: USERS, sent: USERS, failed: 0 });
  });
});

describe('a campaign', () => {
  let stack: DemoStack;

  beforeAll(async () => {
    stack = await DemoStack.start({
      requestors: 1,
      responders: 2,
      responderEnv: { LEASE_MS: '2000' },
      campaign: { users: USERS, sinkEnv: { FAIL_ADDRESSES: '' } },
    });
    await stack.startProvider();
  });
  afterAll(() => stack?.stop());

  const url = (path: string): string => `${stack.requestor(0)}/api/v1/campaigns${path}`;

  async function start(draft: object): Promise<string> {
    const { status, body } = await post<{ id: string }>(url(''), { ...TEXT, ...draft });
    expect(status).toBe(202);
    return body.id;
  }

  async function statusOf(id: string): Promise<CampaignStatus> {
    const { status, body } = await get<CampaignStatus>(url(`/${id}`));
    expect(status).toBe(200);
    expect(body.queued + body.sent + body.failed).toBe(body.audience);
    return body;
  }

  async function untilDone(id: string): Promise<CampaignStatus> {
    let status: CampaignStatus | undefined;
    await eventually(async () => expect((status = await statusOf(id)).status).toBe('done'), PATIENCE);
    return status as CampaignStatus;
  }

  async function counted(sql: string, id: string): Promise<number> {
    const client = new Client({ connectionString: stack.campaign.databaseUrl });
    await client.connect();
    const { rows } = await client.query<{ count: number }>(`SELECT count(*)::int AS count FROM ${sql}`, [id]);
    await client.end();
    return rows[0]?.count ?? -1;
  }

  async function received(): Promise<number> {
    return (await get<{ received: number }>(`${stack.campaign.sinkUrl}/stats`)).body.received;
  }

  /** Waits until nothing of a paused campaign is on its way any more. */
  async function untilStill(id: string): Promise<void> {
    await eventually(async () => {
      const { sent, status } = await statusOf(id);
      expect(await counted(`intents WHERE campaign_id = $1 AND state IN ('queued', 'sending')`, id)).toBe(0);
      const parked = await counted(`intents WHERE campaign_id = $1 AND state = 'parked'`, id);
      const handedOn = await counted(`intents WHERE campaign_id = $1`, id);
      expect(sent + parked).toBe(handedOn);
      if (status === 'sending') expect(handedOn).toBe(USERS);
    }, PATIENCE);
  }

  it('sends each user a personal subject and text, with a way to unsubscribe', async () => {
    const id = await start({ audience: { limit: 3 } });
    expect(await untilDone(id)).toMatchObject({ audience: 3, sent: 3, failed: 0, queued: 0, channels: ['email'] });
    const { body: mails } = await get<Mail[]>(`${stack.campaign.sinkUrl}/mails?limit=3`);
    const client = new Client({ connectionString: stack.campaign.databaseUrl });
    await client.connect();
    const { rows } = await client.query<{ name: string; email: string }>('SELECT name, email FROM users WHERE id <= 3');
    await client.end();
    const wanted = rows.map(({ name, email }) => ({
      to: expect.stringContaining(email) as string,
      subject: `Hello ${name}`,
      text: expect.stringContaining(`Dear ${name}, it is spring.`) as string,
      listUnsubscribe: expect.stringContaining(id) as string,
    }));
    for (const mail of wanted) expect(mails).toContainEqual(expect.objectContaining(mail));
  });

  it('goes out by SMS as well, through the existing SMS flow', async () => {
    const id = await start({ audience: { limit: 20 }, channels: ['email', 'sms'] });
    expect(await untilDone(id)).toMatchObject({ audience: 40, sent: 40, failed: 0 });
    const { body } = await get<{ unique: number }>(`${stack.providerUrl}/sent`);
    expect(body.unique).toBe(20);
  });

  it('stops while it is paused, and then goes on to every user who is left', async () => {
    const before = await received();
    const id = await start({});
    await eventually(async () => expect((await statusOf(id)).sent).toBeGreaterThan(0), PATIENCE);
    const paused = await post<CampaignStatus>(url(`/${id}/pause`), {});
    expect([paused.status, paused.body.paused]).toEqual([200, true]);
    expect((await post(url(`/${id}/pause`), {})).status).toBe(200);
    await untilStill(id);
    const { sent } = await statusOf(id);
    expect(sent).toBeLessThan(USERS);
    expect((await post(url(`/${id}/resume`), {})).status).toBe(200);
    expect(await untilDone(id)).toMatchObject({ audience: USERS, sent: USERS, paused: false });
    expect((await received()) - before).toBe(USERS);
    for (const action of ['pause', 'resume', 'cancel'])
      expect((await post(url(`/${id}/${action}`), {})).status).toBe(409);
  });

  it('sends nothing more once it is cancelled, and its counters still add up', async () => {
    const id = await start({});
    await eventually(async () => expect((await statusOf(id)).sent).toBeGreaterThan(0), PATIENCE);
    await post(url(`/${id}/pause`), {});
    await untilStill(id);
    const { sent } = await statusOf(id);
    const before = await received();
    expect((await post<CampaignStatus>(url(`/${id}/cancel`), {})).body).toMatchObject({
      status: 'cancelled',
      sent,
      cancelled: USERS - sent,
      finishedAt: expect.any(String),
    });
    expect((await post(url(`/${id}/resume`), {})).status).toBe(409);
    // Another campaign overtakes it, through the same streams and the same workers.
    await untilDone(await start({ audience: { limit: 50 } }));
    expect((await received()) - before).toBe(50);
    expect(await statusOf(id)).toMatchObject({ status: 'cancelled', sent });
  });

  it('is followed after a cancel until the results of all messages in flight are counted', async () => {
    const before = await received();
    const id = await start({});
    await eventually(async () => expect((await statusOf(id)).sent).toBeGreaterThan(0), PATIENCE);
    const followed = get<string>(url(`/${id}/events`));
    const { body: atCancel } = await post<CampaignStatus>(url(`/${id}/cancel`), {});
    const seen = [...(await followed).body.matchAll(/^data: (\{.*)$/gm)].map(
      ([, data]) => JSON.parse(data ?? '') as CampaignStatus,
    );
    const last = seen.at(-1);
    expect(last).toMatchObject({ status: 'cancelled', failed: 0, finishedAt: expect.any(String) });
    expect(last?.sent).toBeGreaterThanOrEqual(atCancel.sent);
    expect(last?.sent).toBe((await received()) - before);
    expect(last?.cancelled).toBe(last?.queued);
    expect(await counted(`intents WHERE campaign_id = $1 AND state = 'sending'`, id)).toBe(0);
    for (const { audience, queued, sent, failed, cancelled } of seen) {
      expect(queued + sent + failed).toBe(audience);
      expect(cancelled).toBeLessThanOrEqual(queued);
    }
    await untilDone(await start({ audience: { limit: 50 } }));
    expect(await statusOf(id)).toEqual(last);
  });

  it('counts users who can never be reached as failed', async () => {
    const client = new Client({ connectionString: stack.campaign.databaseUrl });
    await client.connect();
    const { rows } = await client.query<{ email: string }>('SELECT email FROM users WHERE id IN (2, 4)');
    await client.end();
    await stack.campaign.killSink();
    const id = await start({ audience: { limit: 10 } });
    await stack.campaign.startSink({ FAIL_ADDRESSES: rows.map(({ email }) => email).join() });
    expect(await untilDone(id)).toMatchObject({ audience: 10, sent: 8, failed: 2 });
  });

  it('survives a restart of everything, and no user is seeded twice', async () => {
    const id = await start({ audience: { limit: 5 } });
    const status = await untilDone(id);
    await stack.killResponders();
    await stack.campaign.killPostgres();
    await stack.campaign.startPostgres();
    await stack.campaign.seed(USERS);
    expect(await counted('users WHERE $1::uuid IS NOT NULL', id)).toBe(USERS);
    await stack.startResponders();
    expect(await statusOf(id)).toEqual(status);
  });
});
