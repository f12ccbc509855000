/**
 * What an error means for whoever sent the command:
 * - `retry`: the server cannot now, but may later; nothing was done
 * - `rejoin`: the stream or its group is gone and has to be created again
 * - `reconnect`: this server is no longer the master
 * - `reject`: this command will never do
 * - `fatal`: not allowed to, until an operator changes it
 * - `not-sent`: the connection was down, nothing left this process
 * - `lost`: the connection broke after sending; the server may have done it
 * - `defect`: an error of our own, which says nothing of the server
 */
export type ErrorKind = 'retry' | 'rejoin' | 'reconnect' | 'reject' | 'fatal' | 'not-sent' | 'lost' | 'defect';

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

/** ioredis' own words when it refuses a command that it would have to keep for later. */
const NOT_SENT = /enableOfflineQueue options is false/;
const FORCED_UNBLOCK = /force unblock/i;
/** Redis 6.2 wraps errors of commands inside scripts: `ERR Error running script …: NOGROUP No such key`. */
const CODE_INSIDE_SCRIPT_ERROR = new RegExp(`\\b(${[...KIND_BY_CODE.keys(), 'WRONGTYPE'].join('|')})\\b`);
/** What Redis 7.0 says, without a code, where any other version says NOPERM. */
const FORBIDDEN_INSIDE_SCRIPT = /^-?ERR The user executing the script can't /;

/** The one place where text of the server is understood. */
export function classify(error: unknown): ErrorKind {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  if (name !== 'ReplyError') {
    if (error instanceof TypeError || error instanceof RangeError) return 'defect';
    return NOT_SENT.test(message) ? 'not-sent' : 'lost';
  }
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

/** Server errors after which ioredis should look for the master anew. It never re-sends the failed command. */
export const isMasterLost = (error: Error): boolean => classify(error) === 'reconnect';

/** A copy that is safe to log and to throw: ioredis keeps payloads and passwords in `error.command.args`. */
export function withoutArguments(error: unknown): Error {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  const copy = new Error(message.replace(/,? with args beginning with:.*$/s, '').slice(0, 300));
  copy.name = name;
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code === 'string') Object.assign(copy, { code });
  return copy;
}
