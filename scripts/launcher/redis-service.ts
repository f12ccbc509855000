import { rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { noteProcess, runningProcess } from '../../apps/shared/platform/process-lock.js';
import { startRedis } from '../redis-server.js';
import type { RedisBinary, RunningRedis } from '../redis-server.js';
import type { DataDirectory } from './data-directory.js';

const LEAVE_WITHIN_MS = 10_000;
/** A full Redis refuses writes instead of deleting events, and the gateway answers 503. */
const LIMITS = ['--maxmemory', '512mb', '--maxmemory-policy', 'noeviction'];

/** Redis in the demo's own directory, on its own port, with every acknowledged write in the append-only file. */
export const startOwnRedis = async (data: DataDirectory, port: number, binary: RedisBinary): Promise<RunningRedis> => {
  const redis = await startRedis({ binary, port, dir: data.file('redis'), extraArgs: LIMITS });
  if (binary.persistent) noteProcess(noteOf(data), redis.pid);
  return redis;
};

/** A killed launcher leaves its Redis running in the directory that the next launcher is about to use. */
export const stopLeftOverRedis = async (data: DataDirectory): Promise<void> => {
  const note = noteOf(data);
  const pid = runningProcess(note);
  if (pid !== undefined) process.kill(pid, 'SIGTERM');
  for (const until = Date.now() + LEAVE_WITHIN_MS; runningProcess(note) !== undefined; await delay(50)) {
    if (Date.now() > until) throw new Error(`The Redis of an earlier run (pid ${pid}) does not stop: kill it`);
  }
  rmSync(note, { force: true });
};

const noteOf = (data: DataDirectory): string => data.file('redis.pid');
