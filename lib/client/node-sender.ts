import type { Connection } from '../redis/connection.js';
import { runTogether } from '../redis/command-batch.js';
import type { BatchResult } from '../redis/command-batch.js';
import { connectionTo } from '../redis/nodes.js';
import type { AcceptedMessage } from './publication.js';
import { inBatches } from './publish-batch.js';
import type { PublishBatch } from './publish-batch.js';

/** Receives what becomes of messages. */
export interface SendListener {
  sending(count: number): void;
  /** `entryId` is that of Redis, or the error is why there is none. Once for each message that was sent. */
  answered(message: AcceptedMessage, error: unknown, entryId: unknown): void;
  /** These have to wait for others. */
  held(messages: readonly AcceptedMessage[]): void;
  /** These need not wait any more, and come before all that was accepted later. */
  released(messages: readonly AcceptedMessage[]): void;
}

/**
 * Sends messages to one server, in their order. Any number of batches are under way at the same time. Only the first script
 * of a connection is waited for: Redis may not know it, or the user may not run scripts, and then the batch is sent a second
 * time in another way, which must not end behind what came later.
 */
export class NodeSender {
  /** Messages that wait for the answer to the first script. */
  private waiting: AcceptedMessage[] | undefined;
  /** The connection that has answered a script. */
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

  /** A connection to a lone server comes back as the same object, one to a node of a cluster as another. */
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

/** Reports the outcome of each message of a batch once. One without an answer fails after a while; a late answer is ignored. */
class Answers {
  /** Whether Redis has answered, be it with errors. */
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

/** Messages of one stream side by side, in their order; streams in that of their first message. */
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
