import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import type { Browser, Locator, Page } from 'playwright-core';
import { eventually } from '../support/eventually.js';
import { DemoStack } from '../e2e/support/demo-stack.js';
import { launchBrowser, visit } from './support/browser.js';
import type { Visit } from './support/browser.js';

const USERS = 500;
const FEW = 40;
const NAME = '<img src=x onerror=alert(1)> & <b>bold</b>';

interface Figures {
  readonly sent: number;
  readonly failed: number;
  readonly queued: number;
  readonly audience: number;
}

describe('the page', () => {
  let stack: DemoStack;
  let browser: Browser;
  let redis: Redis;
  let visits: Visit[];
  let base: string;

  beforeAll(async () => {
    browser = await launchBrowser();
    stack = await DemoStack.start({
      requestors: 1,
      responders: 1,
      campaign: { users: USERS },
      requestorEnv: { REQUEST_TIMEOUT_MS: '1500' },
      responderEnv: { MAX_ATTEMPTS: '1', RETRY_DELAY_MS: '10', RETRY_MAX_DELAY_MS: '10' },
    });
    redis = new Redis(stack.redisUrl);
    base = stack.requestor(0);
  }, 90_000);

  beforeEach(() => {
    visits = [];
  });

  afterEach(async () => {
    for (const { page } of visits) await page.context().close();
    for (const { complaints, origins } of visits) {
      expect(complaints).toEqual([]);
      expect([...origins]).toEqual([new URL(base).origin]);
    }
  });

  afterAll(async () => {
    await browser?.close();
    redis?.disconnect();
    await stack?.stop();
  }, 30_000);

  const open = async (options?: Parameters<typeof visit>[2]): Promise<Page> => {
    const made = await visit(browser, base, options);
    visits.push(made);
    await reads(made.page.locator('#connection'), 'Live');
    return made.page;
  };

  it('starts a campaign by keyboard alone, and follows it to the end', async () => {
    const page = await open();
    await tabTo(page, 'name');
    await page.keyboard.type(NAME);
    await page.keyboard.press('Tab');
    await page.keyboard.type('Spring sale for {{name}}');
    await page.keyboard.press('Tab');
    await page.keyboard.type('Half price until Sunday.');
    await page.keyboard.press('Tab');
    await page.keyboard.type(String(FEW));
    await page.keyboard.press('Enter');

    const card = cardOf(page, NAME);
    await reads(part(card, 'state'), 'Done');
    await reads(part(card, 'percent'), '100 %');
    expect(await figuresOf(card)).toEqual({ sent: FEW, failed: 0, queued: 0, audience: FEW });
    const progress = card.getByRole('progressbar', { name: `Progress of ${NAME}` });
    expect([await progress.getAttribute('value'), await progress.getAttribute('max')]).toEqual([`${FEW}`, `${FEW}`]);
    expect(await card.locator('img, b').count()).toBe(0);
    expect(await card.getByRole('button').count()).toBe(0);

    const mail = page.locator('#mails li').first();
    await mail.waitFor();
    expect(await part(mail, 'subject').textContent()).toMatch(/^Spring sale for [^{]+$/);
    expect(await part(mail, 'text').textContent()).toBe('Half price until Sunday.');
  }, 60_000);

  it('pauses, resumes and cancels campaigns, and loses no user', async () => {
    const page = await open();
    const [waiting, given] = ['Everybody', 'Given up'];
    await stack.campaign.killSink(); // otherwise the campaigns might be done before they are paused
    await start(page, waiting);
    const card = cardOf(page, waiting);
    await press(page, card.getByRole('button', { name: `Pause ${waiting}` }));
    await reads(part(card, 'state'), 'Paused');

    await start(page, given);
    const other = cardOf(page, given);
    await press(page, other.getByRole('button', { name: `Cancel ${given}` }));
    await press(page, other.getByRole('button', { name: `Cancel for good? ${given}` }));
    await reads(part(other, 'state'), 'Cancelled');

    await reads(page.locator('#no-mails'), 'The mail sink does not answer');
    const { audience, queued } = await figuresOf(card);
    expect(audience).toBe(USERS);
    expect(queued).toBe(USERS);
    await stack.campaign.startSink();
    await press(page, card.getByRole('button', { name: `Resume ${waiting}` }));
    await reads(part(card, 'state'), 'Done', 60_000);
    expect(await figuresOf(card)).toEqual({ sent: USERS, failed: 0, queued: 0, audience: USERS });

    // The browser itself logs the failed requests; a page cannot prevent that.
    const [{ complaints } = { complaints: [] }] = visits;
    for (const each of complaints.splice(0)) expect(each).toMatch(/503 .*\/api\/v1\/mails/);
  }, 120_000);

  it('shows what is wrong at each field, and sends nothing', async () => {
    const page = await open();
    const length = await redis.xlen('campaign');
    await textbox(page, /^Subject$/).fill('Sale');
    await textbox(page, /^Users/).fill('many');
    await press(page, page.getByRole('button', { name: 'Start campaign' }));
    const wrong = page.locator('[aria-invalid=true]');
    await eventually(async () => expect(await wrong.count()).toBe(3));
    expect(await focused(page)).toBe('name');
    expect(await page.locator('#limit-problem').textContent()).toContain('whole number');
    expect(await redis.xlen('campaign')).toBe(length);
  });

  it('shows dead letters, and redrives them', async () => {
    await redis.set('{sms}:ledger', 'no ledger');
    const uuid = randomUUID();
    const event = {
      uuid,
      number: '+420601123456',
      providerMessageId: 'msg-1',
      attempt: 1,
      at: new Date().toISOString(),
    };
    await redis.xadd('SMS_OK', '*', 'data', JSON.stringify(event));

    const page = await open();
    const row = page.locator('#dead-letters li', { hasText: 'SMS_OK' });
    await reads(part(row, 'count'), '1');
    await redis.del('{sms}:ledger');
    await press(page, row.getByRole('button', { name: 'Run dead letters of SMS_OK again' }));
    await reads(part(row, 'count'), '0');
    await eventually(async () => expect(await redis.hexists('{sms}:ledger', uuid)).toBe(1));
  }, 60_000);

  it('shows when the workers are down, and when they are back', async () => {
    const page = await open();
    await stack.killResponders();
    await reads(page.locator('#connection'), 'No answer from the workers');
    await stack.startResponders();
    await reads(page.locator('#connection'), 'Live');
  }, 60_000);

  it('fits a phone, and has a dark mode', async () => {
    const page = await open({ viewport: { width: 320, height: 640 }, colorScheme: 'light' });
    await page.locator('#campaigns li').first().waitFor();
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(320);
    const ground = (): Promise<string> => page.evaluate('getComputedStyle(document.body).backgroundColor');
    const light = await ground();
    await page.emulateMedia({ colorScheme: 'dark' });
    expect(await ground()).not.toBe(light);
  });

  it('shows the focus at every tab stop', async () => {
    const page = await open();
    const stops = await page.locator('a, button:visible, input, textarea').count();
    for (let stop = 0; stop < stops; stop++) {
      await page.keyboard.press('Tab');
      expect(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')).toBe('solid');
    }
  });
});

const part = (within: Locator, name: string): Locator => within.locator(`[data-part=${name}]`);

const cardOf = (page: Page, name: string): Locator =>
  page.locator('#campaigns > li').filter({ has: page.getByRole('heading', { name, exact: true }) });

const reads = (where: Locator, text: string, within = 25_000): Promise<void> =>
  eventually(async () => expect(await where.textContent({ timeout: 1_000 })).toBe(text), { within, every: 50 });

/** Reads all figures at once. */
const figuresOf = async (card: Locator): Promise<Figures> => {
  const texts = await card.locator('.figures dd').allTextContents();
  const [sent = NaN, failed = NaN, queued = NaN, audience = NaN] = texts.map((text) =>
    Number(text.replaceAll(',', '')),
  );
  expect(sent + failed + queued).toBe(audience);
  return { sent, failed, queued, audience };
};

const textbox = (page: Page, name: RegExp): Locator => page.getByRole('textbox', { name });

const start = async (page: Page, name: string): Promise<void> => {
  await textbox(page, /^Name$/).fill(name);
  await textbox(page, /^Subject$/).fill('Spring sale');
  await textbox(page, /^Message/).fill('Half price until Sunday.');
  await press(page, page.getByRole('button', { name: 'Start campaign' }));
};

/** Presses a button by keyboard, without a mouse. */
const press = async (page: Page, button: Locator): Promise<void> => {
  await button.focus();
  await page.keyboard.press('Enter');
};

const focused = (page: Page): Promise<string> => page.evaluate('document.activeElement.id');

const tabTo = async (page: Page, id: string): Promise<void> => {
  for (let stops = 0; (await focused(page)) !== id; stops++) {
    if (stops > 10) throw new Error(`${id} is not among the first tab stops`);
    await page.keyboard.press('Tab');
  }
};
