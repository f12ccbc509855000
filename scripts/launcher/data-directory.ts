import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Where the demo keeps its data between runs: `DATA_DIR`, or else `.data` in the project. Two runs must not share it:
 * two Redis servers on one append-only file destroy it.
 */
export class DataDirectory {
  private constructor(readonly path: string) {}

  static open(): DataDirectory {
    const path = resolve(process.env['DATA_DIR'] || fileURLToPath(new URL('../../.data', import.meta.url)));
    mkdirSync(path, { recursive: true });
    const directory = new DataDirectory(path);
    const owner = directory.owner();
    if (owner !== undefined) {
      throw new Error(`npm start is already running (pid ${owner}). Stop it, or set DATA_DIR to another directory.`);
    }
    writeFileSync(directory.lock, String(process.pid));
    process.once('exit', () => rmSync(directory.lock, { force: true }));
    return directory;
  }

  file(name: string): string {
    return join(this.path, name);
  }

  private get lock(): string {
    return this.file('start.pid');
  }

  private owner(): number | undefined {
    try {
      const pid = Number(readFileSync(this.lock, 'utf8'));
      process.kill(pid, 0);
      return pid;
    } catch (error) {
      // The process exists but belongs to another user.
      return (error as NodeJS.ErrnoException).code === 'EPERM' ? Number(readFileSync(this.lock, 'utf8')) : undefined;
    }
  }
}
