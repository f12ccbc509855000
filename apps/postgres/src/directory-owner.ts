import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const LEAVE_WITHIN_MS = 5_000;
const CHECK_MS = 50;
/** In the command line of whoever runs this app. */
const COMMAND = 'postgres/src/main';

/**
 * Makes the directory this process's own until it ends, for two PGlites in one directory destroy it. Waits a while for
 * one that is about to end: it outlives a parent that was killed for a moment.
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
  // After a restart of the machine the number may belong to anybody.
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
