/**
 * Takes the screenshot in the documents, of the running sample apps:
 * `node --import @swc-node/register/esm-register test/browser/screenshot.ts docs/campaign.png [width]`
 */
import { Redis } from 'ioredis';
import type { CampaignStatus } from '../../apps/shared/contracts/campaign/campaign-status.js';
import { postCampaign } from '../e2e/support/campaign-api.js';
import { DemoStack } from '../e2e/support/demo-stack.js';
import { get, post } from '../e2e/support/http.js';
import { eventually } from '../support/eventually.js';
import { launchBrowser, visit } from './support/browser.js';

const USERS = 8_000;
const DESKTOP = 1_280;
const BODY = 'Dear {{name}}, everything in our shop is half price until Sunday evening. Have a look around!';

const [path, width = String(DESKTOP)] = process.argv.slice(2);
if (path === undefined) throw new Error('Pass the path of the file to write');

const stack = await DemoStack.start({ requestors: 1, responders: 1, campaign: { users: USERS } });
const browser = await launchBrowser();
const redis = new Redis(stack.redisUrl);
try {
  const base = stack.requestor(0);
  const begin = async (name: string, audience: object): Promise<string> =>
    (await postCampaign(base, { name, subject: 'Half price until Sunday', body: BODY, audience })).body.id;
  const until = (id: string, isSo: (status: CampaignStatus) => boolean): Promise<void> =>
    eventually(
      async () => {
        const { body } = await get<CampaignStatus>(`${base}/api/v1/campaigns/${id}`);
        if (!isSo(body)) throw new Error(`${body.name} is ${body.status}, ${body.sent} sent`);
      },
      { within: 180_000, every: 100 },
    );

  for (let i = 0; i < 3; i++) await redis.xadd('notification', '*', 'data', '{}');
  await until(await begin('Winter farewell', { limit: 400 }), ({ status }) => status === 'done');
  const paused = await begin('Loyal customers', { limit: 2_000 });
  await until(paused, ({ sent }) => sent > 600);
  await post(`${base}/api/v1/campaigns/${paused}/pause`, {});
  const running = await begin('Spring sale', {});
  const { page } = await visit(browser, base, { viewport: { width: Number(width), height: 740 } });
  await until(running, ({ sent }) => sent > USERS / 3);
  await page.screenshot({ path });
} finally {
  redis.disconnect();
  await browser.close();
  await stack.stop();
}
