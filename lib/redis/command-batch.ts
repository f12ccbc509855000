import type { RedisClient } from '../interfaces/connection.js';
import { BATCH } from './lua.generated.js';
import { ScriptFailedError, classify, isMasterLost, replyCode } from './reply-error.js';
import { runScript } from './scripts.js';

/** Name and arguments. */
export type BatchCommand = readonly (string | number)[];

export type BatchResult = readonly [error: Error | null, reply: unknown];

/** The script marks an error with this; no reply of XADD, XACK or XDEL starts with it. */
const ERROR_MARK = '!';

/** Clients whose user has no permission to run scripts; their commands go in a pipeline instead. */
const withoutScripts = new WeakSet<RedisClient>();

/** Lua passes at most about 8,000 words to one command. */
const MAX_WORDS_PER_COMMAND = 4_000;
/** Redis accepts a million words in one call, but a script that long would stall it. */
const MAX_WORDS_PER_SCRIPT = 100_000;

/**
 * Runs commands in one call. A script, not a pipeline, for two reasons: a blocked reader wakes once with the whole
 * batch instead of with its first entry, and this process creates one command object for all commands (measured with
 * `npm run bench -- requests`). A batch that is too long for a script goes in a pipeline. In a cluster, all commands
 * must use the same key, given as `key`.
 *
 * Rejects if nothing is known about any command, or if all were refused alike. Otherwise each command has its own
 * result, and a failed command does not stop the others. Rejects with `ScriptFailedError` if the script failed in the
 * middle.
 */
export async function runTogether(
  client: RedisClient,
  commands: readonly BatchCommand[],
  key?: string,
): Promise<BatchResult[]> {
  if (withoutScripts.has(client) || !fitsScript(commands)) return runInPipeline(client, commands);
  let replies: unknown[];
  try {
    replies = (await runScript(client, BATCH, key === undefined ? [] : [key], factorOut(commands))) as unknown[];
  } catch (error) {
    if (!isScriptForbidden(error as Error)) throw scriptError(error as Error);
    withoutScripts.add(client);
    return runInPipeline(client, commands);
  }
  const results = replies.map((reply): BatchResult =>
    typeof reply === 'string' && reply.startsWith(ERROR_MARK) ? [replyError(reply.slice(1)), null] : [null, reply],
  );
  // ioredis looks for the master again by itself, but it does not see errors inside the replies of a script.
  if (results.some(([error]) => error && isMasterLost(error))) lookForMaster(client);
  return results;
}

/** The user has no permission to run scripts, or the operator removed the command. */
const isScriptForbidden = ({ message }: Error): boolean =>
  replyCode(message) === 'NOPERM' || /unknown command/i.test(message);

/** An error that Redis reports before it runs anything stays as it is; any other is from the middle of the script. */
function scriptError(error: Error): Error {
  const kind = classify(error);
  return kind === 'reject' || kind === 'rejoin' ? new ScriptFailedError(error) : error;
}

function lookForMaster(client: RedisClient): void {
  if ('refreshSlotsCache' in client) client.refreshSlotsCache();
  else client.disconnect(true);
}

function fitsScript(commands: readonly BatchCommand[]): boolean {
  let words = 0;
  for (const { length } of commands) {
    if (length > MAX_WORDS_PER_COMMAND) return false;
    words += length;
  }
  return words <= MAX_WORDS_PER_SCRIPT;
}

/** Runs commands as separate calls, all in flight together: Redis answers the first while others are written. */
export function runEach(client: RedisClient, commands: readonly BatchCommand[]): Promise<BatchResult[]> {
  return Promise.all(
    commands.map(([name, ...args]) =>
      client.call(String(name), args).then(
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
 * Commands of one batch are mostly alike: same stream, same field names, same reply stream. The words that all commands
 * of one length share are sent once, and each command adds only the rest. This leaves a third of the words to write and
 * parse.
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
  // As a list: a call accepts a limited number of arguments.
  for (const [name, ...args] of commands) pipeline.call(String(name), args);
  return (await pipeline.exec()) ?? [];
}

function replyError(message: string): Error {
  return Object.assign(new Error(message), { name: 'ReplyError' });
}
