import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lockForProcess, noteProcess, runningProcess } from '../../../apps/shared/platform/process-lock.js';

const held = (pid: number): string => `held by ${pid}`;

describe('a lock for a process', () => {
  let directory: string;
  let file: string;
  let other: ChildProcess | undefined;

  /** A process that runs until it is killed. */
  const startOther = async (): Promise<number> => {
    other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1_000)']);
    await once(other, 'spawn');
    return other.pid ?? 0;
  };
  const killOther = async (): Promise<void> => {
    if (!other || other.signalCode !== null) return;
    other.kill('SIGKILL');
    await once(other, 'exit');
  };

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'process-lock-'));
    file = join(directory, 'deep/lock');
  });

  afterEach(async () => {
    await killOther();
    rmSync(directory, { recursive: true, force: true });
  });

  it('is held until it is released, and leaves nothing behind', async () => {
    const release = await lockForProcess(file, { held });
    await expect(lockForProcess(file, { held })).rejects.toThrow(`held by ${process.pid}`);
    expect(runningProcess(file)).toBe(process.pid);
    release();
    expect(existsSync(file)).toBe(false);
    (await lockForProcess(file, { held }))();
  });

  it('is held by another process as long as that process runs', async () => {
    (await lockForProcess(file, { held }))();
    const pid = await startOther();
    noteProcess(file, pid);
    await expect(lockForProcess(file, { held })).rejects.toThrow(`held by ${pid}`);
    await killOther();
    (await lockForProcess(file, { held }))();
  });

  it('waits for an owner that ends in time', async () => {
    (await lockForProcess(file, { held }))();
    noteProcess(file, await startOther());
    const waiting = lockForProcess(file, { held, waitMs: 20_000 });
    await killOther();
    (await waiting)();
  });

  it.each([
    ['names a dead process', '4194303 1'],
    ['names a process whose id now belongs to another program', `${process.pid} 1`],
    ['has no start time', `${process.pid}`],
    ['is empty', ''],
    ['is not readable as a lock', '{"port":6390}'],
  ])('is free if its file %s', async (_, content) => {
    (await lockForProcess(file, { held }))();
    writeFileSync(file, content);
    expect(runningProcess(file)).toBeUndefined();
    const release = await lockForProcess(file, { held });
    expect(readFileSync(file, 'utf8')).toMatch(new RegExp(`^${process.pid} .`));
    release();
  });
});
