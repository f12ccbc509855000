import type { RedisClient } from '../interfaces/connection.js';
import { BATCH } from './lua.generated.js';
import { isMasterLost, replyCode } from './reply-error.js';
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
  let replies: unknown[];
  try {
    replies = (await runScript(client, BATCH, [], factorOut(commands))) as unknown[];
  } catch (error) {
    if (replyCode((error as Error).message) !== 'NOPERM') throw error;
    withoutScripts.add(client);
    return runInPipeline(client, commands);
  }
  const results = replies.map((reply): BatchResult =>
    typeof reply === 'string' && reply.startsWith(ERROR_MARK) ? [replyError(reply.slice(1)), null] : [null, reply],
  );
  // ioredis looks for the master anew by itself, but not for errors that it does not see.
  if (results.some(([error]) => error && isMasterLost(error))) client.disconnect(true);
  return results;
}

/** Runs commands one by one, all of them under way at the same time: the first is answered while others are written. */
export function runEach(client: RedisClient, commands: readonly BatchCommand[]): Promise<BatchResult[]> {
  return Promise.all(
    commands.map(([name, ...args]) =>
      client.call(String(name), ...args).then(
        (reply): BatchResult => [null, reply],
        (error: Error): BatchResult => [error, null],
      ),
    ),
  );
}

interface Template {
  readonly number: number;
  readonly words: readonly (string | number)[];
  readonly holes: number[];
}

/**
 * Commands of one batch are mostly alike: same stream, same field names, same reply stream. What all commands of one
 * length share is sent once, and for each of them only the rest; that is a third of the words to write and to parse.
 *
 * @internal
 */
export function factorOut(commands: readonly BatchCommand[]): (string | number)[] {
  const templates = new Map<number, Template>();
  for (const command of commands) {
    const template = templates.get(command.length);
    if (template) markDifferences(template, command);
    else templates.set(command.length, { number: templates.size + 1, words: command, holes: [] });
  }
  const flat: (string | number)[] = [templates.size];
  for (const { words, holes } of templates.values()) {
    flat.push(words.length, holes.length);
    for (const hole of holes) flat.push(hole + 1);
    for (let i = 0; i < words.length; i++) flat.push(holes.includes(i) ? '' : (words[i] as string | number));
  }
  for (const command of commands) {
    const { number, holes } = templates.get(command.length) as Template;
    flat.push(number);
    for (const hole of holes) flat.push(command[hole] as string | number);
  }
  return flat;
}

function markDifferences({ words, holes }: Template, command: BatchCommand): void {
  for (let i = 0; i < words.length; i++) {
    if (words[i] !== command[i] && !holes.includes(i)) holes.push(i);
  }
}

async function runInPipeline(client: RedisClient, commands: readonly BatchCommand[]): Promise<BatchResult[]> {
  const pipeline = client.pipeline();
  for (const [name, ...args] of commands) pipeline.call(String(name), ...args);
  return (await pipeline.exec()) ?? [];
}

function replyError(message: string): Error {
  return Object.assign(new Error(message), { name: 'ReplyError' });
}
