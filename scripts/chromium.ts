import { spawnSync } from 'node:child_process';
import { delimiter, join } from 'node:path';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];
const ANSWER_WITHIN_MS = 20_000;

/** Path of a Chromium that runs: the one that `CHROMIUM` names, or else the first one on PATH. */
export function locateChromium(): string | undefined {
  const named = process.env['CHROMIUM'];
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const candidates = named ? [named] : NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  return candidates.find(runs);
}

/** That the file exists is not enough: Ubuntu has a file of that name that only prints how to install Chromium. */
const runs = (file: string): boolean =>
  spawnSync(file, ['--version'], { stdio: 'ignore', timeout: ANSWER_WITHIN_MS }).status === 0;
