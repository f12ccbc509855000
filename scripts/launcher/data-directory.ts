import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { lockForProcess } from '../../apps/shared/platform/process-lock.js';

/**
 * Where the demo keeps its data between runs: `DATA_DIR`, or else `.data` in the project. Two runs must not share it:
 * two Redis servers on one append-only file destroy it.
 */
export class DataDirectory {
  private constructor(private readonly path: string) {}

  static async open(): Promise<DataDirectory> {
    const path = resolve(process.env['DATA_DIR'] || fileURLToPath(new URL('../../.data', import.meta.url)));
    const held = (pid: number): string =>
      `npm start is already running (pid ${pid}). Stop it, or set DATA_DIR to another directory.`;
    try {
      mkdirSync(path, { recursive: true });
    } catch (error) {
      const reason = (error as Error).message;
      throw new Error(`The directory for data cannot be created; set DATA_DIR to another one: ${reason}`, {
        cause: error,
      });
    }
    await lockForProcess(join(path, 'start.pid'), { held });
    return new DataDirectory(path);
  }

  file(name: string): string {
    return join(this.path, name);
  }
}
