import { chromium } from 'playwright-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { locateChromium } from '../../../scripts/chromium.js';

const FLAGS = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const PATIENCE_MS = 20_000;
const LOUD = ['error', 'warning'];

/** A page, with all errors and warnings in its console. */
export interface Visit {
  readonly page: Page;
  readonly complaints: string[];
  /** Origins that it has sent requests to. */
  readonly origins: ReadonlySet<string>;
}

/** Starts the distribution's Chromium without a window, with its own profile that is removed when it closes. */
export function launchBrowser(): Promise<Browser> {
  const executablePath = locateChromium();
  if (executablePath === undefined) throw new Error('No Chromium found: put one on PATH, or set CHROMIUM to its path');
  // Chromium refuses to run as root in its sandbox.
  return chromium.launch({ executablePath, args: FLAGS, chromiumSandbox: process.getuid?.() !== 0 });
}

/** @param prepare is called before the page loads */
export async function visit(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
  prepare?: (page: Page) => Promise<void>,
): Promise<Visit> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: 'en-GB', ...options });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const complaints: string[] = [];
  const origins = new Set<string>();
  page.on('console', (message) => {
    if (LOUD.includes(message.type())) complaints.push(`${message.text()} ${message.location().url}`);
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => origins.add(new URL(request.url()).origin));
  await prepare?.(page);
  await page.goto(url);
  return { page, complaints, origins };
}
