import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import type { Browser, Locator, Page } from 'playwright-core';
import { eventually } from '../support/eventually.js';
import type { CampaignStatus } from '../../apps/shared/contracts/campaign/campaign-status.js';
import { campaignStatus } from '../e2e/support/campaign-api.js';
import { DemoStack } from '../e2e/support/demo-stack.js';
import { get } from '../e2e/support/http.js';
import { launchBrowser, visit } from './support/browser.js';
import type { Visit } from './support/browser.js';
import { PATIENCE, cardOf, part, press, reads, streamOf } from './support/page-parts.js';

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

    expect(await part(other, 'rest').textContent()).toBe('Not sent');
    expect(await figuresOf(other)).toEqual({ sent: 0, failed: 0, queued: USERS, audience: USERS });
    expect(await other.getByRole('button').count()).toBe(0);

    await reads(page.locator('#no-mails'), 'The mail sink does not answer.');
    expect(await part(card, 'rest').textContent()).toBe('Queued');
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

  it('shows no rate while a campaign is paused, and final figures after it is cancelled', async () => {
    const page = await open();
    const name = 'Trickling';
    // Most mails fail at first, so that the campaign neither stops nor ends.
    await stack.campaign.killSink();
    await stack.campaign.startSink({ FAIL_RATE: '0.7' });
    await start(page, name);
    const card = cardOf(page, name);
    await eventually(async () => expect(await part(card, 'pace').textContent()).toMatch(/\d\/s, .* left$/), PATIENCE);
    await press(page, card.getByRole('button', { name: `Pause ${name}` }));
    await reads(part(card, 'state'), 'Paused', 2_000);
    expect(await part(card, 'pace').textContent()).toBe('');
    await press(page, card.getByRole('button', { name: `Resume ${name}` }));
    await reads(part(card, 'state'), 'Sending', 2_000);

    await press(page, card.getByRole('button', { name: `Cancel ${name}` }));
    await press(page, card.getByRole('button', { name: `Cancel for good? ${name}` }));
    await eventually(async () => {
      const state = await part(card, 'state').textContent();
      const isWaiting = /^Waiting for \d+ results?$/.test((await part(card, 'pace').textContent()) ?? '');
      expect(state === 'Cancelled' || isWaiting).toBe(true);
    }, PATIENCE);
    await reads(part(card, 'state'), 'Cancelled', 60_000);
    expect(await part(card, 'pace').textContent()).toBe('');
    const { id, sent, failed, cancelled, audience } = await campaignNamed(base, name);
    expect(await figuresOf(card)).toEqual({ sent, failed, queued: cancelled, audience });
    await stack.campaign.killSink();
    await stack.campaign.startSink();
    expect(await campaignStatus(base, id)).toMatchObject({ sent, failed, cancelled });

    const [{ complaints } = { complaints: [] }] = visits;
    for (const each of complaints.splice(0)) expect(each).toMatch(/503 .*\/api\/v1\/mails/);
  }, 180_000);

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

  it('shows why a message became a dead letter, and runs it again', async () => {
    await redis.set('{sms}:ledger', 'no ledger');
    const uuid = randomUUID();
    const event = {
      uuid,
      number: '+420601123456',
      providerMessageId: 'msg-1',
      attempt: 1,
      at: new Date().toISOString(),
    };

    const page = await open();
    await reads(page.locator('#no-dead-letters'), 'No dead letters.');
    await redis.xadd('SMS_OK', '*', 'data', JSON.stringify(event), 'mid', uuid);
    const stream = streamOf(page, 'SMS_OK');
    await reads(part(stream, 'count'), '1 letter');
    expect(await page.locator('#dead-letters > li').count()).toBe(1);
    await reads(page.locator('#dead-letters-link'), '1 dead letter');
    const letter = lettersOf(stream).first();
    expect(await part(letter, 'reason').textContent()).toBe('Every attempt failed');
    expect(await part(letter, 'about').textContent()).toMatch(/^Group billing, \d+ attempts$/);
    expect(await part(letter, 'error').textContent()).toContain('WRONGTYPE');
    expect(await part(letter, 'failed').textContent()).toBe('less than a minute ago');
    expect(await part(letter, 'failed').getAttribute('title')).toMatch(/\d{4}.*\d:\d\d/);

    const facts = part(letter, 'facts');
    expect(await facts.isVisible()).toBe(false);
    await press(page, part(letter, 'summary'));
    const fact = (name: string): Locator =>
      facts
        .locator('div')
        .filter({ has: page.getByText(name, { exact: true }) })
        .locator('dd');
    await reads(fact('Message'), uuid);
    await reads(fact('SMS'), uuid);
    await reads(fact('Fields'), /^data \(\d+ bytes\), mid \(36 bytes\)$/);
    expect(await letter.textContent()).not.toContain(event.number);

    await redis.del('{sms}:ledger');
    await press(page, letter.getByRole('button', { name: /^Run again letter .* of SMS_OK$/ }));
    await reads(page.locator('#no-dead-letters'), 'No dead letters.');
    expect(await focused(page)).toBe('dead-letters-title');
    await eventually(async () => expect(await redis.hexists('{sms}:ledger', uuid)).toBe(1));
  }, 60_000);

  it('deletes one dead letter or all of a stream, each on a second press', async () => {
    const page = await open();
    for (let i = 0; i < 7; i++)
      await redis.xadd('notification', '*', 'data', JSON.stringify({ campaignId: `no ${i}` }));
    const stream = streamOf(page, 'notification');
    await reads(part(stream, 'count'), '7 letters');
    await eventually(async () => expect(await lettersOf(stream).count()).toBe(5), PATIENCE);
    await reads(part(stream, 'extent'), 'These are the latest 5 of 7.');
    expect(await part(lettersOf(stream).first(), 'reason').textContent()).toBe('Cannot succeed');
    await press(page, stream.getByRole('button', { name: 'Show more letters of notification' }));
    await eventually(async () => expect(await lettersOf(stream).count()).toBe(7), PATIENCE);
    expect(await part(stream, 'extent').isVisible()).toBe(false);

    const letters = lettersOf(stream);
    const ids = await redis.xrevrange('{notification}:dead', '+', '-').then((all) => all.map(([id]) => id));
    const buttons = await letters.getByRole('button', { name: /^Delete letter/ }).all();
    const labels = await Promise.all(buttons.map((button) => button.getAttribute('aria-label')));
    expect(labels).toEqual(ids.map((id) => `Delete letter ${id} of notification`));

    // A double click is one decision.
    await part(letters.nth(1), 'purge').dblclick();
    await reads(part(letters.nth(1), 'purge'), 'Delete for good?');
    expect(await redis.xlen('{notification}:dead')).toBe(7);
    await press(page, part(letters.nth(1), 'purge'));
    await reads(part(stream, 'count'), '6 letters');
    expect(await redis.xrange('{notification}:dead', ids[1] ?? '', ids[1] ?? '')).toEqual([]);
    const nextFocus = page.locator('.dead-letter:focus').getByRole('button', { name: /^Delete/ });
    expect(await nextFocus.getAttribute('aria-label')).toBe(`Delete letter ${ids[2]} of notification`);

    await press(page, part(stream, 'purgeAll'));
    await reads(part(stream, 'purgeAll'), 'Delete all for good?');
    expect(await redis.xlen('{notification}:dead')).toBe(6);
    await press(page, part(stream, 'purgeAll'));
    await reads(page.locator('#no-dead-letters'), 'No dead letters.');
    expect(await redis.xlen('{notification}:dead')).toBe(0);
    expect(await page.locator('#dead-letters > li').count()).toBe(0);
  }, 60_000);

  it('shows when the workers are down, and when they are back', async () => {
    const page = await open();
    await stack.killResponders();
    await reads(page.locator('#connection'), 'No answer from the workers');
    const late = await visit(browser, base);
    visits.push(late);
    await reads(late.page.locator('#no-campaigns'), /^No worker answers, so campaigns cannot be listed\./);
    await stack.startResponders();
    await reads(page.locator('#connection'), 'Live');
    await late.page.locator('#campaigns > li').first().waitFor();
    expect(await late.page.locator('#no-campaigns').isVisible()).toBe(false);
  }, 60_000);

  it('shows the progress first on a phone, with the form folded away above it', async () => {
    const page = await open({ viewport: { width: 390, height: 844 } });
    const progress = page.locator('#campaigns > li').first().getByRole('progressbar');
    expect(await bottomOf(progress)).toBeLessThan(500);
    const name = textbox(page, /^Name$/);
    expect(await name.isVisible()).toBe(false);
    await tabTo(page, 'unfold');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    expect(await focused(page)).toBe('name');

    await page.setViewportSize({ width: 1_280, height: 844 });
    expect(await page.locator('#unfold').isVisible()).toBe(false);
    expect(await name.isVisible()).toBe(true);
    await page.setViewportSize({ width: 390, height: 844 });
    await textbox(page, /^Users/).fill('1');
    await start(page, 'On the way');
    await reads(part(cardOf(page, 'On the way'), 'state'), 'Done');
    expect(await name.isVisible()).toBe(false);
    expect(await focused(page)).toBe('unfold');
    expect(await bottomOf(progress)).toBeLessThan(500);
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
    const stops = await page
      .locator('a:visible, button:visible, input:visible, textarea:visible, summary:visible')
      .count();
    for (let stop = 0; stop < stops; stop++) {
      await page.keyboard.press('Tab');
      expect(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')).toBe('solid');
    }
  });
});

const lettersOf = (stream: Locator): Locator => part(stream, 'letters').locator('> li');

/** Distance from the top of the screen, in pixels. */
const bottomOf = async (where: Locator): Promise<number> => {
  await where.waitFor();
  const box = await where.boundingBox();
  if (!box) throw new Error('It is not visible');
  return box.y + box.height;
};

const campaignNamed = async (base: string, name: string): Promise<CampaignStatus> => {
  const { body } = await get<CampaignStatus[]>(`${base}/api/v1/campaigns`);
  const found = body.find((each) => each.name === name);
  if (!found) throw new Error(`No campaign is called ${name}`);
  return found;
};

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

const focused = (page: Page): Promise<string> => page.evaluate('document.activeElement.id');

const tabTo = async (page: Page, id: string): Promise<void> => {
  for (let stops = 0; (await focused(page)) !== id; stops++) {
    if (stops > 10) throw new Error(`${id} is not among the first tab stops`);
    await page.keyboard.press('Tab');
  }
};
