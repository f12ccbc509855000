import type { RedisClient } from '../interfaces/connection.js';
import { BATCH } from './lua.generated.js';
import { ScriptFailedError, classify, isMasterLost, replyCode } from './reply-error.js';
import { runScript } from './scripts.js';

/** Name and arguments. */
export type BatchCommand = readonly (string | number)[];

export type BatchResult = readonly [error: Error | null, reply: unknown];

/** How the script tells an error from a reply; no reply of XADD, XACK or XDEL starts with it. */
const ERROR_MARK = '!';

/** Users who may not run scripts; their commands go in a pipeline instead. */
const withoutScripts = new WeakSet<RedisClient>();

/** Lua hands some 8,000 words at most to one command. */
const MAX_WORDS_PER_COMMAND = 4_000;
/** Redis takes a million words in one call; a script that long would stall it. */
const MAX_WORDS_PER_SCRIPT = 100_000;

/**
 * Runs commands in one call. A script rather than a pipeline for two reasons: a blocked reader is woken once with all of
 * a batch and not with the first entry of it, and this process makes one command object for all (measured with
 * `npm run bench -- requests`). What is too long for a script goes in a pipeline. In a cluster all commands have to be
 * about one key, which `key` names.
 *
 * Rejects when nothing is known of any command, or all were refused alike; else each has its own result, and none stops
 * the others. A script that failed in the middle rejects with `ScriptFailedError`.
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
  // ioredis looks for the master anew by itself, but not for errors that it does not see.
  if (results.some(([error]) => error && isMasterLost(error))) lookForMaster(client);
  return results;
}

/** By the rights of the user, or because the operator took the command away. */
const isScriptForbidden = ({ message }: Error): boolean =>
  replyCode(message) === 'NOPERM' || /unknown command/i.test(message);

/** What Redis says before it runs anything stands as it is; any other error comes from the middle of the script. */
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

/** Runs commands one by one, all of them under way at the same time: the first is answered while others are written. */
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
  // As a list: a call takes only so many arguments.
  for (const [name, ...args] of commands) pipeline.call(String(name), args);
  return (await pipeline.exec()) ?? [];
}

function replyError(message: string): Error {
  return Object.assign(new Error(message), { name: 'ReplyError' });
}
