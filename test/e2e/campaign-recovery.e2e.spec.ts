import { Redis } from 'ioredis';
import { Client } from 'pg';
import type { CampaignState, CampaignStatus } from '../../apps/shared/contracts/campaign/campaign-status.js';
import type { DeadLetterListDto } from '../../apps/requestor/src/dead-letters/dead-letter.dto.js';
import { eventually } from '../support/eventually.js';
import { campaignStatus, postCampaign, untilCampaign } from './support/campaign-api.js';
import { DemoStack } from './support/demo-stack.js';
import { get, inParallel, post } from './support/http.js';

const USERS = 600;
/** More than a worker may have in hand in any role. */
const MANY = 140;
const CONNECTIONS = 4;
const DRAFT = { name: 'Spring sale', subject: 'Sale', body: 'Half price until Sunday.' };
const SOME_TIME = { within: 20_000 };
const LATER = 'campaign,notification,email,sms-worker';
const ROLES = `${LATER},user`;

describe('a campaign', () => {
  let stack: DemoStack;
  let redis: Redis;
  let db: Client;
  let base: string;

  beforeAll(async () => {
    stack = await DemoStack.start({
      requestors: 1,
      responders: 2,
      campaign: { users: USERS },
      responderEnv: { LEASE_MS: '1000', MAX_BACKLOG: '1000', MAIL_CONNECTIONS: String(CONNECTIONS), ROLES },
    });
    await stack.startProvider();
    base = stack.requestor(0);
    redis = new Redis(stack.redisUrl);
    db = new Client({ connectionString: stack.campaign.databaseUrl });
    await db.connect();
  }, 90_000);

  afterAll(async () => {
    redis?.disconnect();
    await db?.end();
    await stack?.stop();
  }, 30_000);

  const start = async (change: object = {}): Promise<string> => {
    const { status, body } = await postCampaign(base, { ...DRAFT, ...change });
    expect(status).toBe(202);
    return body.id;
  };
  const order = async (id: string, action: string): Promise<number> =>
    (await post(`${base}/api/v1/campaigns/${id}/${action}`, {})).status;
  const pending = async (stream: string, group: string): Promise<number> =>
    Number((await redis.xpending(stream, group))[0]);
  const letters = async (stream: string): Promise<DeadLetterListDto['letters']> =>
    (await get<DeadLetterListDto>(`${base}/dead-letters/${stream}`)).body.letters;
  const redrive = async (stream: string): Promise<unknown> =>
    (await post(`${base}/dead-letters/${stream}/redrive`, {})).body;

  /** As if the only pending entry had killed a worker in each of so many attempts. */
  const countAttempts = async (stream: string, group: string, attempts: number): Promise<void> => {
    const found = (await redis.xpending(stream, group, '-', '+', 10)) as [string, string][];
    expect(found).toHaveLength(1);
    const [[id, consumer] = ['', '']] = found;
    await redis.xclaim(stream, group, consumer, 0, id, 'IDLE', 0, 'RETRYCOUNT', attempts, 'JUSTID');
  };

  it('sends a mail whose dead letter is redriven after its entry was trimmed', async () => {
    await stack.campaign.killSink();
    const id = await start({ audience: { limit: 1 } });
    await eventually(async () => {
      const { rows } = await db.query(`SELECT state FROM intents WHERE campaign_id = $1`, [id]);
      expect(rows).toEqual([{ state: 'sending' }]);
    }, SOME_TIME);
    await stack.killResponders();
    await countAttempts('email-notification', 'email', 1_000);
    await stack.startResponders();
    await eventually(async () => expect(await letters('email-notification')).toHaveLength(1), SOME_TIME);
    await redis.xtrim('email-notification', 'MAXLEN', 0);
    await stack.campaign.startSink();
    expect(await redrive('email-notification')).toEqual({ redriven: 1 });
    expect(await untilCampaign(base, id, 'done')).toMatchObject({ audience: 1, sent: 1, failed: 0 });
  }, 60_000);

  it('keeps its mails while no mail server can be reached, and can be paused meanwhile', async () => {
    await stack.campaign.killSink();
    const id = await start({ audience: { limit: 1 } });
    await eventually(async () => expect(await pending('email-notification', 'email')).toBe(1), SOME_TIME);
    await stack.killResponders();
    await countAttempts('email-notification', 'email', 9);
    await stack.startResponders();
    const lastAttempt = [expect.any(String), expect.any(String), expect.any(Number), 10];
    await eventually(async () => {
      expect(await redis.xpending('email-notification', 'email', '-', '+', 10)).toEqual([lastAttempt]);
    }, SOME_TIME);
    expect(await order(id, 'pause')).toBe(200);
    await eventually(async () => expect(await pending('email-notification', 'email')).toBe(0), SOME_TIME);
    expect(await order(id, 'resume')).toBe(200);
    await eventually(async () => expect(await pending('email-notification', 'email')).toBe(1), SOME_TIME);
    await stack.campaign.startSink();
    expect(await untilCampaign(base, id, 'done')).toMatchObject({ sent: 1, failed: 0 });
  }, 60_000);

  it('reaches everybody else if a user has an invalid number or mail address', async () => {
    await db.query(`UPDATE users SET phone = 'n/a' WHERE id = 7`);
    await db.query(`UPDATE users SET email = 'none' WHERE id = 8`);
    const mailed = await start({ audience: { limit: 20 } });
    expect(await untilCampaign(base, mailed, 'done')).toMatchObject({ audience: 20, sent: 19, failed: 1 });
    const both = await start({ audience: { limit: 20 }, channels: ['email', 'sms'] });
    expect(await untilCampaign(base, both, 'done')).toMatchObject({ audience: 40, sent: 38, failed: 2 });
    const { rows } = await db.query(
      `SELECT user_id, channel, state, error FROM intents WHERE campaign_id = $1 AND state <> 'sent' ORDER BY user_id`,
      [both],
    );
    expect(rows).toEqual([
      { user_id: 7, channel: 'sms', state: 'refused', error: expect.stringContaining('number must') as string },
      { user_id: 8, channel: 'email', state: 'refused', error: 'email must be an email' },
    ]);
    expect(await letters('notification')).toEqual([]);
  }, 60_000);

  it('has failed if workers died in each attempt to start it, and is queued again while its redriven entry runs', async () => {
    const status = (wanted: CampaignState): Promise<unknown> => untilCampaign(base, id, wanted);
    await stack.killResponders();
    await stack.startResponders({ ROLES: LATER }); // no start without the users
    const id = await start({ audience: { limit: 1 } });
    await eventually(async () => expect(await pending('campaign', 'campaign')).toBe(1), SOME_TIME);
    await status('queued');
    await stack.killResponders();
    await countAttempts('campaign', 'campaign', 1_000);
    await stack.startResponders({ ROLES: LATER });
    expect(await status('failed')).toMatchObject({ finishedAt: expect.any(String) });
    await eventually(async () => expect(await letters('campaign')).toHaveLength(1), SOME_TIME);

    expect(await redrive('campaign')).toEqual({ redriven: 1 });
    expect(await status('queued')).toMatchObject({ finishedAt: null });
    await stack.killResponders();
    await stack.startResponders();
    expect(await status('done')).toMatchObject({ sent: 1 });
  }, 90_000);

  it('goes on when it is resumed again after the process that resumed it has died half-way', async () => {
    const id = await start({ audience: { limit: 10 } });
    await untilCampaign(base, id, 'done');
    // A pause ended its fan-out after five users, and it is not paused any more, but nothing was published.
    await db.query(`DELETE FROM intents WHERE campaign_id = $1 AND user_id > 5`, [id]);
    const half = `status = 'fanning-out', fan_out_cursor = 5, published = 5, sent = 5, failed = 0, paused = false, finished_at = NULL`;
    await db.query(`UPDATE campaigns SET ${half} WHERE id = $1`, [id]);
    expect(await order(id, 'resume')).toBe(200);
    expect(await untilCampaign(base, id, 'done')).toMatchObject({ audience: 10, sent: 9, failed: 1 });
  }, 60_000);

  it('reaches few users twice if a worker is frozen for longer than its lease', async () => {
    const doubles = async (): Promise<number> => {
      const { body } = await get<{ received: number; unique: number }>(`${stack.campaign.sinkUrl}/stats`);
      return body.received - body.unique;
    };
    const before = await doubles();
    const id = await start();
    await eventually(async () => expect((await campaignStatus(base, id)).sent).toBeGreaterThan(50), SOME_TIME);
    const pid = stack.responders[0]?.pid ?? 0;
    process.kill(pid, 'SIGSTOP');
    try {
      expect(await untilCampaign(base, id, 'done')).toMatchObject({ sent: USERS - 1, failed: 1 });
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await stack.killResponder(1);
    // Sent by the thawed worker, after whatever it had in hand.
    await untilCampaign(base, await start({ audience: { limit: 5 } }), 'done');
    expect((await doubles()) - before).toBeLessThanOrEqual(CONNECTIONS);
    await stack.startResponder(1);
  }, 60_000);

  it('can be followed, paused and cancelled while many campaigns wait for room in the streams', async () => {
    await stack.campaign.killSink();
    const first = [await start(), await start()];
    for (const id of first) await untilCampaign(base, id, 'sending');
    const pages = await redis.xlen('notification');
    const waiting = await inParallel(MANY, 20, () => start());
    const held = await eventually(async () => {
      const { status, body } = await get<CampaignStatus[]>(`${base}/api/v1/campaigns`);
      expect(status).toBe(200);
      const [one] = body.filter((each) => each.status === 'fanning-out');
      if (!one) throw new Error('No campaign waits');
      return one.id;
    }, SOME_TIME);
    expect(await campaignStatus(base, held)).toMatchObject({ id: held, status: 'fanning-out', queued: USERS });
    expect(await order(held, 'pause')).toBe(200);
    const others = waiting.filter((id) => id !== held);
    const orders = await inParallel(others.length, 20, (n) => order(others[n] ?? '', 'cancel'));
    expect(new Set(orders)).toEqual(new Set([200]));
    await eventually(async () => expect(await pending('campaign', 'campaign')).toBe(0), SOME_TIME);
    expect(await redis.xlen('notification')).toBe(pages);
    expect(await campaignStatus(base, held)).toMatchObject({ status: 'fanning-out', paused: true });
    await stack.campaign.startSink();
    for (const id of first) await untilCampaign(base, id, 'done');
    expect(await order(held, 'resume')).toBe(200);
    expect(await untilCampaign(base, held, 'done')).toMatchObject({ sent: USERS - 1, failed: 1 });
  }, 90_000);
});
