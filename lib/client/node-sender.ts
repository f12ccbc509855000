import type { Connection } from '../redis/connection.js';
import { runTogether } from '../redis/command-batch.js';
import type { BatchResult } from '../redis/command-batch.js';
import { connectionTo } from '../redis/nodes.js';
import type { AcceptedMessage } from './publication.js';
import { inBatches } from './publish-batch.js';
import type { PublishBatch } from './publish-batch.js';

/** Receives the outcomes of messages. */
export interface SendListener {
  sending(count: number): void;
  /** Called once per sent message, with the entry id from Redis or with the error. */
  answered(message: AcceptedMessage, error: unknown, entryId: unknown): void;
  /** These messages have to wait for earlier ones. */
  held(messages: readonly AcceptedMessage[]): void;
  /** These messages no longer have to wait. They come before all messages that were accepted later. */
  released(messages: readonly AcceptedMessage[]): void;
}

/**
 * Sends messages to one Redis node, in order. Any number of batches are in flight at the same time. Only the first
 * script of a connection is awaited: if Redis does not know the script, or does not allow the user to run scripts, the
 * batch is sent a second time in another way, and must not end up behind later messages.
 */
export class NodeSender {
  /** Messages that wait for the answer to the first script. */
  private waiting: AcceptedMessage[] | undefined;
  /** The connection on which Redis has answered a script. */
  private proven: unknown;

  constructor(
    private readonly connection: Connection,
    private readonly node: string,
    private readonly timeoutMs: number,
    private readonly listener: SendListener,
  ) {}

  send(messages: readonly AcceptedMessage[]): void {
    if (this.waiting) return this.hold(messages);
    const { isCluster } = this.connection;
    const inOrder = isCluster ? byStream(messages) : messages;
    let sent = 0;
    for (const batch of inBatches(inOrder, isCluster)) {
      sent += batch.messages.length;
      if (batch.messages.length === 1) this.sendAlone(batch);
      else if (this.isProven()) this.sendTogether(batch, noop);
      else {
        this.sendFirst(batch);
        return this.hold(inOrder.slice(sent));
      }
    }
  }

  private sendFirst(batch: PublishBatch): void {
    const { session } = this;
    this.waiting = [];
    this.sendTogether(batch, (hasAnswered) => {
      if (hasAnswered) this.proven = session;
      const waiting = this.waiting ?? [];
      this.waiting = undefined;
      this.listener.released(waiting);
    });
  }

  private hold(messages: readonly AcceptedMessage[]): void {
    for (const message of messages) this.waiting?.push(message);
    this.listener.held(messages);
  }

  /** After a reconnect, a standalone connection is the same object, a connection to a cluster node is a new one. */
  private get session(): unknown {
    const { connection, node } = this;
    return connection.isCluster ? connectionTo(connection.client, node) : connection.epoch;
  }

  private isProven(): boolean {
    return this.proven !== undefined && this.proven === this.session;
  }

  private sendAlone({ messages, fields }: PublishBatch): void {
    const [message] = messages as [AcceptedMessage];
    const answers = new Answers(messages, this.timeoutMs, this.listener, noop);
    this.connection.client.xadd(message.publication.stream, '*', ...(fields[0] as readonly string[])).then(
      (entryId) => answers.settle(message, null, entryId),
      (error: unknown) => answers.settle(message, error, null),
    );
  }

  private sendTogether({ messages, fields }: PublishBatch, done: (hasAnswered: boolean) => void): void {
    const answers = new Answers(messages, this.timeoutMs, this.listener, done);
    const commands = messages.map(({ publication }, i) => [
      'XADD',
      publication.stream,
      '*',
      ...(fields[i] as readonly string[]),
    ]);
    const key = this.connection.isCluster ? messages[0]?.publication.stream : undefined;
    runTogether(this.connection.client, commands, key).then(
      (results) => {
        answers.hasCome = true;
        messages.forEach((message, i) => answers.settle(message, ...(results[i] ?? NO_RESULT)));
      },
      (error: unknown) => messages.forEach((message) => answers.settle(message, error, null)),
    );
  }
}

/** Reports the outcome of each message of a batch once. A message without an answer fails; late answers are ignored. */
class Answers {
  /** Whether Redis has answered, even if with errors. */
  hasCome = false;
  private open: number;
  private readonly silence: NodeJS.Timeout;

  constructor(
    messages: readonly AcceptedMessage[],
    timeoutMs: number,
    private readonly listener: SendListener,
    private readonly done: (hasAnswered: boolean) => void,
  ) {
    this.open = messages.length;
    this.silence = setTimeout(() => {
      const error = new Error(`no answer within \`publishTimeout\` (${timeoutMs} ms)`);
      for (const message of messages) this.settle(message, error, null);
    }, timeoutMs);
    listener.sending(messages.length);
    for (const message of messages) message.send(this);
  }

  settle(message: AcceptedMessage, error: unknown, entryId: unknown): void {
    if (!message.arrive(this)) return;
    this.open--;
    this.listener.answered(message, error, entryId);
    if (this.open > 0) return;
    clearTimeout(this.silence);
    this.done(this.hasCome);
  }
}

/** Messages grouped by stream, in order; streams in the order of their first message. */
function byStream(messages: readonly AcceptedMessage[]): readonly AcceptedMessage[] {
  const streams = new Map<string, AcceptedMessage[]>();
  for (const message of messages) {
    const { stream } = message.publication;
    const others = streams.get(stream);
    if (others) others.push(message);
    else streams.set(stream, [message]);
  }
  return streams.size < 2 ? messages : [...streams.values()].flat();
}

const NO_RESULT: BatchResult = [new Error('no answer'), null];
const noop = (): void => undefined;
