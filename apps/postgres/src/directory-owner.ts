import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const LEAVE_WITHIN_MS = 5_000;
const CHECK_MS = 50;
/** Part of the command line of every process that runs this app. */
const COMMAND = 'postgres/src/main';

/**
 * Claims the directory for this process until the process ends: two PGlite processes in one directory destroy it. Waits
 * for an owner that is about to end: the app briefly outlives a parent that was killed.
 */
export const claimDirectory = async (directory: string): Promise<void> => {
  const note = `${directory}.pid`;
  for (const until = Date.now() + LEAVE_WITHIN_MS; isOwned(note); await delay(CHECK_MS)) {
    if (Date.now() > until) throw new Error(`${directory} is in use by process ${readFileSync(note, 'utf8')}`);
  }
  mkdirSync(dirname(directory), { recursive: true });
  rmSync(note, { force: true });
  writeFileSync(note, String(process.pid), { flag: 'wx' });
  process.once('exit', () => rmSync(note, { force: true }));
};

const isOwned = (note: string): boolean => {
  const owner = Number(textOf(note));
  // After a reboot the process id may belong to an unrelated process.
  return owner > 0 && owner !== process.pid && commandOf(owner).includes(COMMAND);
};

const commandOf = (pid: number): string =>
  textOf(`/proc/${pid}/cmdline`) ??
  spawnSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' }).stdout ??
  '';

const textOf = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
};
