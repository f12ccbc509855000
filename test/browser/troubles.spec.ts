import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import type { Browser, Page } from 'playwright-core';
import { campaignStatus, postCampaign, untilCampaign } from '../e2e/support/campaign-api.js';
import { DemoStack } from '../e2e/support/demo-stack.js';
import { launchBrowser, visit } from './support/browser.js';
import { cardOf, part, press, reads, streamOf } from './support/page-parts.js';

const USERS = 100;
const NEWER = 60;
const DRAFT = { subject: 'Sale', body: 'Half price until Sunday.' };
/** Longer than the page waits for a sign of life. */
const SILENCE_MS = 40_000;

describe('the page in trouble', () => {
  let stack: DemoStack;
  let browser: Browser;
  let database: Client;
  let redis: Redis;
  let base: string;
  let page: Page;

  beforeAll(async () => {
    browser = await launchBrowser();
    stack = await DemoStack.start({
      requestors: 1,
      responders: 1,
      campaign: { users: USERS },
      requestorEnv: { REQUEST_TIMEOUT_MS: '1500' },
      responderEnv: { LEASE_MS: '2000' },
    });
    base = stack.requestor(0);
    redis = new Redis(stack.redisUrl);
    database = new Client({ connectionString: stack.campaign.databaseUrl });
    await database.connect();
  }, 90_000);

  beforeEach(async () => {
    ({ page } = await visit(browser, base, {}, (fresh) => fresh.clock.install()));
    await reads(page.locator('#connection'), 'Live');
  });

  afterEach(() => page?.context().close());

  afterAll(async () => {
    await browser?.close();
    redis?.disconnect();
    await database?.end();
    await stack?.stop();
  }, 30_000);

  /** Adds a campaign that has ended, and is newer than those that the tests start. */
  const add = (name: string, status: 'done' | 'failed'): Promise<unknown> =>
    database.query(
      `INSERT INTO campaigns (id, name, subject, body, channels, status, created_at, finished_at)
      VALUES ($1, $2, 's', 'b', '{email}', $3, now() + interval '1 hour', now())`,
      [randomUUID(), name, status],
    );

  const announced = (text: string): Promise<void> => reads(page.locator('#announcements'), text);

  it('follows a campaign to its end, however many newer ones there are', async () => {
    await stack.campaign.killSink(); // so that the campaign is still running when the others come
    const { body } = await postCampaign(base, { ...DRAFT, name: 'The oldest' });
    await untilCampaign(base, body.id, 'sending');
    const card = cardOf(page, 'The oldest');
    await reads(part(card, 'state'), 'Sending');
    expect(await part(card, 'about').textContent()).toMatch(/^Email, \d{1,2} \w+ \d{4}, \d\d:\d\d:\d\d$/);

    for (let n = 1; n <= NEWER; n++) await add(`Newer ${n}`, 'done');
    await cardOf(page, `Newer ${NEWER}`).waitFor();
    await stack.campaign.startSink();
    await untilCampaign(base, body.id, 'done', 60_000);
    await reads(part(card, 'state'), 'Done');
  }, 120_000);

  it('offers to cancel a campaign that has failed, which a second press does', async () => {
    await add('Broken', 'failed');
    const card = cardOf(page, 'Broken');
    await reads(part(card, 'state'), 'Failed');
    expect(await card.getByRole('button').allTextContents()).toEqual(['Cancel']);
    const cancel = part(card, 'cancel');
    await press(page, cancel);
    await reads(cancel, 'Cancel for good?');
    await press(page, cancel);
    await reads(part(card, 'state'), 'Cancelled');
    expect(await card.getByRole('button').count()).toBe(0);
    expect(await card.evaluate((element) => element === element.ownerDocument.activeElement)).toBe(true);
    await announced('Broken: Cancelled');
  }, 60_000);

  it('announces an order that fails, and shows it at the campaign', async () => {
    await stack.campaign.killSink();
    const { body } = await postCampaign(base, { ...DRAFT, name: 'Running' });
    const card = cardOf(page, 'Running');
    await reads(part(card, 'state'), 'Sending');
    await stack.killResponders();
    await press(page, part(card, 'hold'));
    await announced('Running: No responder answered in time.');
    expect(await part(card, 'problem').textContent()).toBe('No responder answered in time.');
    await stack.startResponders();
    await stack.campaign.startSink();
    await untilCampaign(base, body.id, 'done', 60_000);
  }, 120_000);

  it('announces dead letters that cannot run again', async () => {
    await redis.xadd('{SMS}:dead', '*', 'not', 'a dead letter');
    const stream = streamOf(page, 'SMS');
    await reads(part(stream, 'count'), '1 letter');
    await press(page, part(stream, 'redriveAll'));
    await announced('SMS: None of these letters can run again. The log of the gateway says why.');
    await redis.del('{SMS}:dead');
  }, 60_000);

  it('says so when the gateway hangs, and is live again when the gateway goes on', async () => {
    const pill = page.locator('#connection');
    stack.signalRequestor(0, 'SIGSTOP');
    try {
      await page.clock.fastForward(SILENCE_MS);
      await reads(pill, 'Connection lost, reconnecting');
      await page.clock.fastForward(SILENCE_MS); // a second connection that nobody answers
      expect(await pill.textContent()).toBe('Connection lost, reconnecting');
    } finally {
      stack.signalRequestor(0, 'SIGCONT');
    }
    await reads(pill, 'Live');
    const { body } = await postCampaign(base, { ...DRAFT, name: 'Afterwards', audience: { limit: 1 } });
    await reads(part(cardOf(page, 'Afterwards'), 'state'), 'Done');
    expect(await campaignStatus(base, body.id)).toMatchObject({ status: 'done', sent: 1 });
  }, 60_000);
});
