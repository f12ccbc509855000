import { spawnSync } from 'node:child_process';
import { linkSync, mkdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const CHECK_MS = 50;

export interface LockOptions {
  /** How long to wait for a process that is about to end. Default: not at all. */
  readonly waitMs?: number;
  /** The message of the error if another process keeps the lock. */
  readonly held: (pid: number) => string;
}

/**
 * Takes a lock file for this process until it is released or the process ends, in whatever way: the file may outlive its
 * process, but counts only while that process runs. Not a lock with a heartbeat: a process that is busy for a minute
 * keeps this one.
 *
 * @returns releases the lock
 */
export const lockForProcess = async (file: string, { waitMs = 0, held }: LockOptions): Promise<() => void> => {
  mkdirSync(dirname(file), { recursive: true });
  const until = Date.now() + waitMs;
  while (!take(file)) {
    const owner = runningProcess(file);
    if (owner !== undefined && Date.now() >= until) throw new Error(held(owner));
    await delay(CHECK_MS);
  }
  const release = (): void => {
    process.off('exit', release);
    rmSync(file, { force: true });
  };
  process.once('exit', release);
  return release;
};

/** Notes a process in a file, so that a later process can tell whether it still runs. */
export const noteProcess = (file: string, pid: number): void =>
  // The start time tells the process from later ones with the same id.
  writeFileSync(file, `${pid} ${startOf(pid) ?? ''}`);

/** The id of the process that the file names, if that process still runs. */
export const runningProcess = (file: string): number | undefined => {
  const [, pid = '', start = ''] = /^(\d+) (.+)$/.exec(textOf(file) ?? '') ?? [];
  return start !== '' && startOf(Number(pid)) === start ? Number(pid) : undefined;
};

const take = (file: string): boolean => {
  if (runningProcess(file) === undefined) removeStale(file);
  // Linked, because a file that is created under its own name can be read before its content is written.
  const draft = `${file}.${process.pid}`;
  noteProcess(draft, process.pid);
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
};

/** In a directory like /tmp, nobody but its owner may remove a file. */
const removeStale = (file: string): void => {
  try {
    unlinkSync(file);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT')
      throw new Error(`The file ${file} is left from a process that ended: remove it (${message})`, { cause: error });
  }
};

const startOf = (pid: number): string | undefined => {
  const stat = textOf(`/proc/${pid}/stat`);
  if (stat === undefined) return started(pid);
  // The fields after the name, which may contain anything: the state, and 19 fields later the start time.
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return state === 'Z' ? undefined : fields[18];
};

/** For systems without /proc. */
const started = (pid: number): string | undefined =>
  spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).stdout?.trim() || undefined;

const textOf = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
};
