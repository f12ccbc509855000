/**
 * What an error means for the sender of a command:
 * - `retry`: the server cannot run the command now, but may later; nothing was done
 * - `rejoin`: the stream or its group is missing and has to be created again
 * - `reconnect`: this server is no longer the master
 * - `reject`: this command can never succeed
 * - `fatal`: the command is not allowed, until an operator changes that
 * - `not-sent`: the connection was down, nothing left this process
 * - `lost`: the connection broke after sending; the server may have run the command
 * - `defect`: our own code failed, in this process or in a script; what the server did is not known, and the same call
 *   would fail again
 */
export type ErrorKind = 'retry' | 'rejoin' | 'reconnect' | 'reject' | 'fatal' | 'not-sent' | 'lost' | 'defect';

/** A script stopped in the middle: its error answers none of its commands, and any number of them may be done. */
export class ScriptFailedError extends Error {
  override readonly name = 'ScriptFailedError';

  constructor(cause: Error) {
    super(`A script failed: ${cause.message}`);
  }
}

const DEFECTS = new Set([
  'ScriptFailedError',
  'RangeError',
  'TypeError',
  'ReferenceError',
  'SyntaxError',
  'URIError',
  'EvalError',
]);

const KIND_BY_CODE = new Map<string, ErrorKind>([
  ['LOADING', 'retry'],
  ['BUSY', 'retry'],
  ['TRYAGAIN', 'retry'],
  ['CLUSTERDOWN', 'retry'],
  ['MISCONF', 'retry'],
  ['NOREPLICAS', 'retry'],
  ['OOM', 'retry'],
  ['NOGROUP', 'rejoin'],
  ['UNBLOCKED', 'rejoin'],
  ['READONLY', 'reconnect'],
  ['MASTERDOWN', 'reconnect'],
  ['MOVED', 'reconnect'],
  ['ASK', 'retry'],
  ['NOPERM', 'fatal'],
  ['NOAUTH', 'fatal'],
  ['WRONGPASS', 'fatal'],
]);

/** Message of ioredis when it refuses a command that it would have to queue. */
const NOT_SENT = /enableOfflineQueue options is false/;
const FORCED_UNBLOCK = /force unblock/i;
/** Redis 6.2 wraps errors of commands inside scripts: `ERR Error running script …: NOGROUP No such key`. */
const CODE_INSIDE_SCRIPT_ERROR = new RegExp(`\\b(${[...KIND_BY_CODE.keys(), 'WRONGTYPE'].join('|')})\\b`);
/** Message of Redis 7.0, without a code, where any other version answers NOPERM. */
const FORBIDDEN_INSIDE_SCRIPT = /^-?ERR The user executing the script can't /;

/** Not `instanceof`: errors of other realms, as under Jest, are not instances of our classes. */
const isErrorLike = (error: unknown): error is { name: string; message: string } =>
  typeof error === 'object' && error !== null && 'message' in error && typeof error.message === 'string';

/** Classifies an error by its text or its name. */
export function classify(error: unknown): ErrorKind {
  const { name, message } = isErrorLike(error) ? error : new Error(String(error));
  if (DEFECTS.has(name)) return 'defect';
  if (name !== 'ReplyError') return NOT_SENT.test(message) ? 'not-sent' : 'lost';
  const code = replyCode(message);
  if (code === 'UNBLOCKED' && FORCED_UNBLOCK.test(message)) return 'reconnect';
  return KIND_BY_CODE.get(code) ?? 'reject';
}

export function replyCode(message: string): string {
  const first = /^-?([A-Z]+)\b/.exec(message)?.[1] ?? 'ERR';
  if (first !== 'ERR') return first;
  if (FORBIDDEN_INSIDE_SCRIPT.test(message)) return 'NOPERM';
  return (message.includes('script') && CODE_INSIDE_SCRIPT_ERROR.exec(message)?.[1]) || first;
}

/** Server errors after which ioredis should look for the master again. It never sends the failed command again. */
export const isMasterLost = (error: Error): boolean => classify(error) === 'reconnect';

/** A copy that is safe to log and to throw: ioredis keeps payloads and passwords in `error.command.args`. */
export function withoutArguments(error: unknown): Error {
  const { name } = isErrorLike(error) ? error : new Error();
  const copy = new Error(
    fullMessage(error)
      .replace(/,? with args beginning with:.*$/s, '')
      .slice(0, 300),
  );
  copy.name = name;
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code === 'string') Object.assign(copy, { code });
  return copy;
}

/** With the reasons that Node and ioredis keep outside the message: per address that was tried, of the last node. */
function fullMessage(error: unknown): string {
  if (!isErrorLike(error)) return String(error);
  const { errors, lastNodeError } = error as { errors?: unknown; lastNodeError?: unknown };
  if (error.message === '' && Array.isArray(errors)) return errors.map(fullMessage).join('; ');
  if (isErrorLike(lastNodeError)) return `${error.message.replace(/\.$/, '')}: ${fullMessage(lastNodeError)}`;
  return error.message;
}
