import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 100;
const PATIENCE_MS = 240_000;

/**
 * Lets one process fetch while the others wait for its result. It only saves work: the result is renamed into place as
 * a whole, so two processes that get past a stale lock at the same time do no harm.
 */
export class FetchLock {
  private constructor(private readonly path: string) {}

  static async take(path: string): Promise<FetchLock> {
    for (const until = Date.now() + PATIENCE_MS; Date.now() < until; await delay(POLL_MS)) {
      try {
        writeFileSync(path, String(process.pid), { flag: 'wx' });
        break;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        if (!isHeld(path)) rmSync(path, { force: true });
      }
    }
    return new FetchLock(path);
  }

  release(): void {
    rmSync(this.path, { force: true });
  }
}

const isHeld = (path: string): boolean => {
  try {
    const pid = Number(readFileSync(path, 'utf8'));
    if (pid === 0) return true; // just created, not yet written
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
};
