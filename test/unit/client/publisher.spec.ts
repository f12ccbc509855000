import { jest } from '@jest/globals';
import { Redis, ReplyError } from 'ioredis';
import { Publisher } from '../../../lib/client/publisher.js';
import type { AcceptedMessage, Publication } from '../../../lib/client/publication.js';
import {
  PublishOutcomeUnknownError,
  PublishRejectedError,
  TooManyPendingError,
  TransportClosedError,
  TransportUnavailableError,
} from '../../../lib/errors/transport-errors.js';
import type { RedisStreamError } from '../../../lib/errors/transport-errors.js';
import { Connection } from '../../../lib/redis/connection.js';

type Command = Parameters<Redis['sendCommand']>[0];
type Answer = (command: Command) => void;

/** ioredis itself, but commands are answered here instead of being written to a socket. No socket is opened. */
class SocketlessRedis extends Redis {
  readonly sent: unknown[][] = [];
  answer: Answer = () => undefined;

  override sendCommand(command: Command): unknown {
    // As for a user without the right to run scripts: each message becomes a command of its own.
    if (command.name === 'evalsha') command.reject(new ReplyError("NOPERM no permissions to run 'evalsha'") as Error);
    else {
      this.sent.push([command.name.toLowerCase(), ...command.args]);
      this.answer(command);
    }
    return command.promise;
  }
}

const stored: Answer = (command) => command.resolve(Buffer.from('1-0'));
const refused =
  (text: string): Answer =>
  (command) =>
    command.reject(new ReplyError(text) as Error);
const broken =
  (text: string): Answer =>
  (command) =>
    command.reject(new Error(text));

/** A message that records its outcome. */
class Message implements Publication {
  readonly fields: readonly string[];
  readonly ids: string[] = [];
  readonly errors: RedisStreamError[] = [];

  constructor(
    readonly stream = 'orders',
    data = '1',
  ) {
    this.fields = ['data', data];
  }

  stored(entryId: string): void {
    this.ids.push(entryId);
  }

  failed(error: RedisStreamError): void {
    this.errors.push(error);
  }

  get outcome(): string {
    return [...this.ids, ...this.errors.map(({ name }) => name)].join();
  }
}

const PUBLISH_TIMEOUT_MS = 100;
const MAX_PENDING = 3;

let redis: SocketlessRedis;
let publisher: Publisher;

beforeEach(() => {
  jest.useFakeTimers();
  redis = new SocketlessRedis({ lazyConnect: true });
  const watcher = { statusChanged: (): void => undefined, failed: (): void => undefined };
  const connection = new Connection('publisher', () => redis, 1_000, watcher);
  publisher = new Publisher(connection, PUBLISH_TIMEOUT_MS, MAX_PENDING);
});
afterEach(() => {
  publisher.close();
  redis.disconnect();
  jest.useRealTimers();
});

/** Publishes messages one after the other in the same turn of the event loop. */
function publishAll(count: number): Message[] {
  const messages = Array.from({ length: count }, (_, i) => new Message('orders', String(i)));
  for (const message of messages) publisher.publish(message);
  return messages;
}

const outcomes = (messages: readonly Message[]): string[] => messages.map(({ outcome }) => outcome);
const pass = (ms: number): Promise<void> => jest.advanceTimersByTimeAsync(ms);

function connect(answer: Answer): void {
  redis.status = 'ready';
  redis.answer = answer;
  publisher.resume();
}

describe('a publisher without a connection', () => {
  it('queues up to `maxPending` messages and refuses the next at once', () => {
    const messages = publishAll(4);
    expect(outcomes(messages)).toEqual(['', '', '', 'TooManyPendingError']);
    expect(messages[3]?.errors[0]).toBeInstanceOf(TooManyPendingError);
    expect(redis.sent).toEqual([]);
  });

  it('fails a message after publishTimeout, names the time, and says that nothing was stored', async () => {
    const [message] = publishAll(1);
    await pass(PUBLISH_TIMEOUT_MS - 5);
    expect(message?.outcome).toBe('');
    await pass(50);
    expect(message?.errors).toHaveLength(1);
    expect(message?.errors[0]).toBeInstanceOf(TransportUnavailableError);
    expect(message?.errors[0]).toMatchObject({ outcome: 'not-stored', retriable: true });
    expect(message?.errors[0]?.message).toContain('`publishTimeout` (100 ms)');
  });

  it('has room again for each message that timed out', async () => {
    publishAll(MAX_PENDING);
    await pass(150);
    expect(outcomes(publishAll(MAX_PENDING))).toEqual(['', '', '']);
  });

  it('runs a separate timeout for each message', async () => {
    const [early] = publishAll(1);
    await pass(60);
    const [late] = publishAll(1);
    await pass(65);
    expect([early?.outcome, late?.outcome]).toEqual(['TransportUnavailableError', '']);
    await pass(60);
    expect(late?.outcome).toBe('TransportUnavailableError');
  });

  it('sends queued messages once and in order when the connection is ready', async () => {
    const messages = publishAll(3);
    await pass(50);
    connect(stored);
    await pass(1_000);
    expect(outcomes(messages)).toEqual(['1-0', '1-0', '1-0']);
    expect(redis.sent.filter(([name]) => name === 'xadd').map((args) => args.at(-1))).toEqual(['0', '1', '2']);
  });

  it('withdraws a message that was not sent yet, and returns whether it could', async () => {
    const messages = [new Message(), new Message()];
    const [first, second] = messages.map((message) => publisher.publish(message)) as [AcceptedMessage, AcceptedMessage];
    expect(publisher.withdraw(first)).toBe(true);
    expect(publisher.withdraw(first)).toBe(false);
    connect(stored);
    await pass(10);
    expect(publisher.withdraw(second)).toBe(false);
    await pass(1_000);
    expect(outcomes(messages)).toEqual(['', '1-0']);
  });

  it('has room again for each withdrawn message, for any number of them', async () => {
    for (let round = 0; round < 1_000; round += 1) {
      const messages = Array.from({ length: MAX_PENDING }, () => publisher.publish(new Message()));
      for (const message of messages) expect(publisher.withdraw(message as AcceptedMessage)).toBe(true);
    }
    expect(publisher.isIdle).toBe(true);
    connect(stored);
    await pass(100);
    expect(redis.sent).toEqual([]);
  });

  it('fails queued messages when it closes, and every later message', async () => {
    const messages = publishAll(2);
    publisher.close();
    messages.push(...publishAll(1));
    await pass(1_000);
    expect(outcomes(messages)).toEqual(['TransportClosedError', 'TransportClosedError', 'TransportClosedError']);
    expect(messages[0]?.errors[0]).toBeInstanceOf(TransportClosedError);
  });

  it('keeps no timer once its queue is empty', async () => {
    publishAll(3);
    await pass(500);
    expect(jest.getTimerCount()).toBe(0);
  });
});

describe('a publisher with a connection', () => {
  beforeEach(() => connect(stored));

  it('writes the fields of a message unchanged, under an id that Redis chooses', async () => {
    const [message] = publishAll(1);
    await pass(1);
    expect(redis.sent).toEqual([['xadd', 'orders', '*', 'data', '0']]);
    expect(message?.outcome).toBe('1-0');
    expect(jest.getTimerCount()).toBe(0);
  });

  it.each<[string, Answer, string, Partial<RedisStreamError>]>([
    ['no memory', refused('OOM command not allowed'), 'PublishRejectedError', { retriable: true }],
    ['a replica', refused('READONLY You cannot write'), 'PublishRejectedError', { retriable: true }],
    ['another type', refused('WRONGTYPE Operation against'), 'PublishRejectedError', { retriable: false }],
    ['no permission', refused('NOPERM no'), 'PublishRejectedError', { retriable: false }],
    ['a broken connection', broken('Connection is closed.'), 'PublishOutcomeUnknownError', { outcome: 'unknown' }],
  ])('reports %s with the right error, once', async (_what, answer, name, details) => {
    redis.answer = answer;
    const [message] = publishAll(1);
    await pass(1_000);
    expect(message?.outcome).toBe(name);
    expect(message?.errors[0]).toMatchObject(details);
    expect(redis.sent).toHaveLength(1);
  });

  it('keeps the payload out of its errors', async () => {
    redis.answer = (command) => {
      const error = new ReplyError("ERR unknown command, with args beginning with: 'open-sesame'") as Error;
      command.reject(Object.assign(error, { command: { args: command.args } }));
    };
    const message = new Message('orders', 'open-sesame');
    publisher.publish(message);
    await pass(10);
    expect(message.errors[0]).toBeInstanceOf(PublishRejectedError);
    expect(message.errors[0]?.message).not.toContain('open-sesame');
    expect(Object.keys(message.errors[0]?.cause ?? {})).not.toContain('command');
  });

  it('waits for a silent Redis no longer than publishTimeout, and ignores a late answer', async () => {
    let waiting: Command | undefined;
    redis.answer = (command) => {
      waiting = command;
    };
    const [message] = publishAll(1);
    await pass(PUBLISH_TIMEOUT_MS + 10);
    expect(message?.errors[0]).toBeInstanceOf(PublishOutcomeUnknownError);
    expect(message?.errors[0]).toMatchObject({ outcome: 'unknown' });
    waiting?.resolve(Buffer.from('1-0'));
    await pass(1_000);
    expect(message?.outcome).toBe('PublishOutcomeUnknownError');
  });

  it('gives each message of one turn its own outcome', async () => {
    redis.answer = (command) => (command.args.at(-1) === '1' ? refused('OOM no') : stored)(command);
    const messages = publishAll(3);
    await pass(10);
    expect(outcomes(messages)).toEqual(['1-0', 'PublishRejectedError', '1-0']);
  });

  it('keeps a message that could not be written, and sends it when it can', async () => {
    redis.answer = broken("Stream isn't writeable and enableOfflineQueue options is false");
    const [message] = publishAll(1);
    await pass(10);
    expect(message?.outcome).toBe('');
    redis.answer = stored;
    await pass(60);
    expect(message?.outcome).toBe('1-0');
  });

  it('puts messages that could not be written before newer ones, in the order of the calls', async () => {
    redis.answer = broken("Stream isn't writeable and enableOfflineQueue options is false");
    const messages = publishAll(2);
    await pass(10);
    // A message that is sent alone is refused sooner than messages that are sent together.
    messages.push(new Message('orders', '2'), new Message('orders', '3'));
    for (const message of messages.slice(2)) publisher.publish(message);
    await pass(1);
    redis.sent.length = 0;
    redis.answer = stored;
    await pass(60);
    expect(redis.sent.filter(([name]) => name === 'xadd').map((args) => args.at(-1))).toEqual(['0', '1', '2']);
    expect(messages[3]?.outcome).toBe('TooManyPendingError');
  });

  it('accepts no message while it drains, and is drained when every message has its outcome', async () => {
    let waiting: Command | undefined;
    redis.answer = (command) => {
      waiting = command;
    };
    const [message] = publishAll(1);
    let isDrained = false;
    const drained = publisher.drain(1_000).then(() => (isDrained = true));
    expect(outcomes(publishAll(1))).toEqual(['TransportClosedError']);
    await pass(50);
    expect(isDrained).toBe(false);
    waiting?.resolve(Buffer.from('1-0'));
    await drained;
    expect(message?.outcome).toBe('1-0');
    expect(jest.getTimerCount()).toBe(0);
  });

  it('reports an unknown outcome when its own code fails, and sends nothing twice', async () => {
    redis.answer = (command) => command.reject(new RangeError('Maximum call stack size exceeded'));
    const [message] = publishAll(1);
    await pass(1_000);
    expect(message?.outcome).toBe('PublishOutcomeUnknownError');
    expect(redis.sent).toHaveLength(1);
  });
});
