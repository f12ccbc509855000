import type { Browser } from 'playwright-core';
import { DemoStack } from '../e2e/support/demo-stack.js';
import { eventually } from '../support/eventually.js';
import { launchBrowser, visit } from './support/browser.js';

describe('the API page', () => {
  let stack: DemoStack;
  let browser: Browser;

  beforeAll(async () => {
    browser = await launchBrowser();
    stack = await DemoStack.start({ requestors: 1, responders: 0 });
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    await stack?.stop();
  }, 30_000);

  it('works under its content security policy, and can send requests', async () => {
    const base = stack.requestor(0);
    const { page, complaints, origins } = await visit(browser, `${base}/docs`);
    const emit = page.locator('.opblock', { hasText: '/stream/emit' });
    await emit.locator('.opblock-summary').click();
    await emit.getByRole('button', { name: 'Try it out' }).click();
    await emit.getByRole('button', { name: 'Execute' }).click();
    await eventually(
      async () =>
        expect(
          await emit.locator('.live-responses-table td.response-col_status:not(.col_header)').textContent(),
        ).toContain('202'),
      { within: 10_000, every: 50 },
    );
    expect(complaints).toEqual([]);
    expect([...origins]).toEqual([base]);
    await page.context().close();
  }, 60_000);

  it('cannot be shown in a frame of another page', async () => {
    const base = stack.requestor(0);
    const { page } = await visit(browser, 'about:blank');
    await page.setContent(`<iframe src="${base}/"></iframe><iframe src="${base}/docs"></iframe>`);
    await eventually(() =>
      expect(page.frames().filter((frame) => frame.url().startsWith('chrome-error:'))).toHaveLength(2),
    );
    await page.context().close();
  }, 60_000);
});
