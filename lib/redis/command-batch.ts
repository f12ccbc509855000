import type { RedisClient } from '../interfaces/connection.js';
import { BATCH } from './lua.js';
import { replyCode } from './reply-error.js';
import { runScript } from './scripts.js';

/** Name and arguments. */
export type BatchCommand = readonly (string | number)[];

export type BatchResult = readonly [error: Error | null, reply: unknown];

/** How the script tells an error from a reply; no reply of XADD, XACK or XDEL starts with it. */
const ERROR_MARK = '!';

/** Users who may not run scripts; their commands go in a pipeline instead. */
const withoutScripts = new WeakSet<RedisClient>();

/**
 * Runs commands in one call. A script rather than a pipeline for two reasons: a blocked reader is woken once with all of
 * a batch and not with the first entry of it, and this process makes one command object for all (measured with
 * `npm run bench -- requests`). Not for a cluster: the commands touch keys of several slots.
 *
 * Rejects when nothing is known of any command; else each has its own result, and none stops the others.
 */
export async function runTogether(client: RedisClient, commands: readonly BatchCommand[]): Promise<BatchResult[]> {
  if (withoutScripts.has(client)) return runInPipeline(client, commands);
  const flat: (string | number)[] = [];
  for (const command of commands) flat.push(command.length, ...command);
  let replies: unknown[];
  try {
    replies = (await runScript(client, BATCH, [], flat)) as unknown[];
  } catch (error) {
    if (replyCode((error as Error).message) !== 'NOPERM') throw error;
    withoutScripts.add(client);
    return runInPipeline(client, commands);
  }
  return replies.map((reply) =>
    typeof reply === 'string' && reply.startsWith(ERROR_MARK) ? [replyError(reply.slice(1)), null] : [null, reply],
  );
}

async function runInPipeline(client: RedisClient, commands: readonly BatchCommand[]): Promise<BatchResult[]> {
  const pipeline = client.pipeline();
  for (const [name, ...args] of commands) pipeline.call(String(name), ...args);
  return (await pipeline.exec()) ?? [];
}

function replyError(message: string): Error {
  return Object.assign(new Error(message), { name: 'ReplyError' });
}
