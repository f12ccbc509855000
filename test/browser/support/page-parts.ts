import type { Locator, Page } from 'playwright-core';
import { eventually } from '../../support/eventually.js';

export const PATIENCE = { within: 25_000, every: 50 };

export const part = (within: Locator, name: string): Locator => within.locator(`[data-part=${name}]`);

export const cardOf = (page: Page, name: string): Locator =>
  page.locator('#campaigns > li').filter({ has: page.getByRole('heading', { name, exact: true }) });

export const streamOf = (page: Page, name: string): Locator =>
  page.locator('#dead-letters > li').filter({ has: page.getByRole('heading', { name, exact: true }) });

export const reads = (where: Locator, text: string | RegExp, within = PATIENCE.within): Promise<void> =>
  eventually(
    async () => {
      const found = await where.textContent({ timeout: 1_000 });
      if (typeof text === 'string') expect(found).toBe(text);
      else expect(found).toMatch(text);
    },
    { within, every: 50 },
  );

/** Presses a button by keyboard, without a mouse. */
export const press = async (page: Page, button: Locator): Promise<void> => {
  await button.focus();
  await page.keyboard.press('Enter');
};
