import { inspect } from 'node:util';
import { ReplyError } from 'ioredis';
import {
  ScriptFailedError,
  classify,
  isMasterLost,
  replyCode,
  withoutArguments,
} from '../../../lib/redis/reply-error.js';
import type { ErrorKind } from '../../../lib/redis/reply-error.js';

const refusal = (message: string): Error => new ReplyError(message) as Error;

/** How Redis 6.2 reports the error of a command inside a script. */
const inScript62 = (text: string): Error =>
  refusal(`ERR Error running script (call to f_2b1ca59cb3e0a7b1): @user_script:7: @user_script: 7: -${text}`);

/** How Redis 7 reports it. */
const inScript7 = (text: string): Error => refusal(`${text} script: 2b1ca59cb3e0a7b1, on @user_script:7.`);

const TEXTS: [ErrorKind, string][] = [
  ['retry', 'LOADING Redis is loading the dataset in memory'],
  ['retry', 'BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.'],
  ['retry', 'TRYAGAIN Multiple keys request during rehashing of slot'],
  ['retry', 'CLUSTERDOWN The cluster is down'],
  ['retry', 'MISCONF Redis is configured to save RDB snapshots, but it is currently unable to persist to disk.'],
  ['retry', 'NOREPLICAS Not enough good replicas to write.'],
  ['retry', "OOM command not allowed when used memory > 'maxmemory'."],
  ['retry', 'ASK 3999 127.0.0.1:6381'],
  ['rejoin', "NOGROUP No such key 'sms.send' or consumer group 'sms-worker' in XREADGROUP with GROUP option"],
  ['rejoin', 'UNBLOCKED the stream key no longer exists'],
  ['reconnect', 'UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)'],
  ['reconnect', "READONLY You can't write against a read only replica."],
  ['reconnect', "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."],
  ['reconnect', 'MOVED 3999 127.0.0.1:6381'],
  ['fatal', "NOPERM User worker has no permissions to run the 'xadd' command"],
  ['fatal', 'NOAUTH Authentication required.'],
  ['fatal', 'WRONGPASS invalid username-password pair or user is disabled.'],
  ['reject', 'WRONGTYPE Operation against a key holding the wrong kind of value'],
  ['reject', 'ERR The ID specified in XADD is equal or smaller than the target stream top item'],
  ['reject', 'BUSYGROUP Consumer Group name already exists'],
  ['reject', 'SOMETHINGNEW that no version has said so far'],
  ['reject', ''],
];

const SCRIPTABLE = TEXTS.filter(([, text]) => /^(OOM|NOGROUP|READONLY|MISCONF|NOREPLICAS|WRONGTYPE)/.test(text));

describe('classify', () => {
  it.each(TEXTS)('returns %s for %j', (kind, text) => {
    expect(classify(refusal(text))).toBe(kind);
  });

  it.each(TEXTS.filter(([, text]) => text !== ''))('returns %s for %j with a leading dash', (kind, text) => {
    expect(classify(refusal(`-${text}`))).toBe(kind);
  });

  it.each(SCRIPTABLE)('returns %s for %j when Redis 6.2 wraps it in a script error', (kind, text) => {
    expect(classify(inScript62(text))).toBe(kind);
  });

  it.each(SCRIPTABLE)('returns %s for %j when Redis 7 appends the script to it', (kind, text) => {
    expect(classify(inScript7(text))).toBe(kind);
  });

  it('returns reject for a script with a bug of its own', () => {
    expect(classify(inScript62("Script attempted to access nonexistent global variable 'x'"))).toBe('reject');
  });

  it('ignores a code inside the text of another error', () => {
    expect(classify(refusal('ERR value is not an integer, OOM or otherwise'))).toBe('reject');
    expect(classify(refusal('WRONGTYPE in a script: NOGROUP'))).toBe('reject');
    expect(classify(inScript62('BUSYGROUP Consumer Group name already exists'))).toBe('reject');
  });

  it('distinguishes a command that was never sent from one that may have arrived', () => {
    expect(classify(new Error("Stream isn't writeable and enableOfflineQueue options is false"))).toBe('not-sent');
    expect(classify(new Error('Connection is closed.'))).toBe('lost');
    expect(classify(new Error('Command timed out'))).toBe('lost');
    expect(classify(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }))).toBe('lost');
  });

  it.each([
    new RangeError('Maximum call stack size exceeded'),
    new TypeError('x is not a function'),
    new ReferenceError('x is not defined'),
    new SyntaxError('Unexpected token'),
    new ScriptFailedError(refusal('ERR too many results to unpack')),
  ])('treats %p as a defect of this library, not as a reply of Redis or a lost connection', (error) => {
    expect(classify(error)).toBe('defect');
    expect(classify(withoutArguments(error))).toBe('defect');
    expect(isMasterLost(error)).toBe(false);
  });

  it('treats an error that only looks like a server error, and a value that is not an error, as lost', () => {
    expect(classify(new Error('NOGROUP No such key'))).toBe('lost');
    for (const odd of [undefined, null, 'NOGROUP', 7, {}]) expect(classify(odd)).toBe('lost');
  });
});

describe('replyCode', () => {
  it.each([
    ['OOM command not allowed', 'OOM'],
    ['-OOM command not allowed', 'OOM'],
    ['ERR syntax error', 'ERR'],
    ['no code at all', 'ERR'],
    ['', 'ERR'],
  ])('reads %j as %s', (text, code) => {
    expect(replyCode(text)).toBe(code);
  });

  it('finds the code inside the script error of Redis 6.2', () => {
    expect(replyCode(inScript62('OOM command not allowed').message)).toBe('OOM');
    expect(replyCode(inScript62('WRONGTYPE Operation against a key').message)).toBe('WRONGTYPE');
  });
});

describe('isMasterLost', () => {
  it('makes ioredis look for the master only when this server is not the master', () => {
    const lost = TEXTS.filter(([, text]) => isMasterLost(refusal(text))).map(([kind]) => kind);
    expect(new Set(lost)).toEqual(new Set(['reconnect']));
    expect(isMasterLost(new Error('Connection is closed.'))).toBe(false);
  });
});

describe('withoutArguments', () => {
  const secret = 'open-sesame';

  it('never carries the arguments of the command, in any printed form', () => {
    const original = Object.assign(refusal('OOM command not allowed'), {
      command: { name: 'xadd', args: ['sms.send', '*', 'data', secret] },
      previousErrors: [{ command: { args: [secret] } }],
    });
    const copy = withoutArguments(original);
    expect(inspect(copy, { depth: Infinity, showHidden: true })).not.toContain(secret);
    expect(JSON.stringify(copy)).not.toContain(secret);
    expect(Object.keys(copy)).not.toContain('command');
    expect(copy.cause).toBeUndefined();
  });

  it.each([
    `ERR unknown command 'XADD', with args beginning with: 'sms.send' '*' 'data' '${secret}'`,
    `ERR unknown command \`XADD\`, with args beginning with: \`${secret}\`, \n\`${secret}\`, `,
    `ERR Error running script: unknown command with args beginning with: '${secret}'`,
  ])('cuts the arguments that the server quotes out of %j', (text) => {
    const { message } = withoutArguments(refusal(text));
    expect(message).not.toContain(secret);
    expect(message).toContain('unknown command');
  });

  it('keeps what an operator needs: name, message and code', () => {
    const original = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:6379'), { code: 'ECONNREFUSED' });
    expect(withoutArguments(original)).toMatchObject({
      name: 'Error',
      message: 'connect ECONNREFUSED 127.0.0.1:6379',
      code: 'ECONNREFUSED',
    });
    expect(withoutArguments(refusal('NOPERM no')).name).toBe('ReplyError');
  });

  it('is classified like its original', () => {
    for (const [kind, text] of TEXTS) expect(classify(withoutArguments(refusal(text)))).toBe(kind);
  });

  it('truncates a long text, and drops a code that is not a string', () => {
    const copy = withoutArguments(Object.assign(new Error('x'.repeat(10_000)), { code: { secret } }));
    expect(copy.message).toHaveLength(300);
    expect('code' in copy).toBe(false);
  });

  it('returns an Error for any value', () => {
    for (const odd of [undefined, null, 'text', 7]) expect(withoutArguments(odd).message).toBe(String(odd));
  });

  it('joins the errors of all attempts to connect, where the error itself has no message', () => {
    const tried = [new Error('connect ECONNREFUSED ::1:6379'), new Error('connect ECONNREFUSED 127.0.0.1:6379')];
    const { message } = withoutArguments(Object.assign(new AggregateError(tried), { code: 'ECONNREFUSED' }));
    expect(message).toBe('connect ECONNREFUSED ::1:6379; connect ECONNREFUSED 127.0.0.1:6379');
  });

  it('adds the error of a cluster node, where the error only says that no node could be used', () => {
    const original = Object.assign(new Error('Failed to refresh slots cache.'), {
      lastNodeError: new Error('connect ECONNREFUSED 127.0.0.1:7000'),
    });
    expect(withoutArguments(original).message).toBe(
      'Failed to refresh slots cache: connect ECONNREFUSED 127.0.0.1:7000',
    );
  });

  it('does not change its original', () => {
    const original = Object.assign(refusal('OOM no'), { command: { args: [secret] } });
    withoutArguments(original);
    expect(original.command.args).toEqual([secret]);
  });
});
