import { spawnSync } from 'node:child_process';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];
const ANSWER_WITHIN_MS = 20_000;

/** A Chromium that runs: the one that `CHROMIUM` names, else one found on PATH. */
export function locateChromium(): string | undefined {
  const named = process.env['CHROMIUM'];
  return (named === undefined || named === '' ? NAMES : [named]).find(runs);
}

/** Being there is not enough: Ubuntu has a file of that name that only tells how to install one. */
const runs = (file: string): boolean =>
  spawnSync(file, ['--version'], { stdio: 'ignore', timeout: ANSWER_WITHIN_MS }).status === 0;
