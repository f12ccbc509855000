import { TooManyPendingError, TransportClosedError } from '../errors/transport-errors.js';
import type { RedisStreamError } from '../errors/transport-errors.js';
import type { Connection } from '../redis/connection.js';
import { nodeOf } from '../redis/nodes.js';
import { DeadlineWheel } from '../timing/deadline-wheel.js';
import { within } from '../timing/within.js';
import { hashSlot } from '../topology/keys.js';
import { NodeSender } from './node-sender.js';
import type { SendListener } from './node-sender.js';
import { AcceptedMessage } from './publication.js';
import type { Publication } from './publication.js';
import { publishError } from './publish-error.js';

const NOT_SENT_PAUSE_MS = 50;
/** Messages that are over are removed from the queue once there are more of them than of the others and than this. */
const MAX_GAPS = 100;

/**
 * Writes messages. Messages of one turn of the event loop leave in few calls, and messages of one stream are stored in
 * the order of the calls. Without a connection, at most `maxPending` messages wait, for `publishTimeoutMs` at most.
 * Nothing is sent twice. In a cluster, a node that hangs delays only its own messages.
 */
export class Publisher implements SendListener {
  private state: 'open' | 'draining' | 'closed' = 'open';
  /** In the order of the calls, except for messages that came back since the last flush. */
  private queue: AcceptedMessage[] = [];
  private isDisordered = false;
  /** How many messages in the queue are over. */
  private gaps = 0;
  private accepted = 0;
  private waiting = 0;
  private underWay = 0;
  private isScheduled = false;
  private retry: NodeJS.Timeout | undefined;
  private whenIdle: (() => void) | undefined;
  private readonly senders = new Map<string, NodeSender>();
  private readonly overdue: DeadlineWheel<AcceptedMessage>;

  constructor(
    private readonly connection: Connection,
    private readonly publishTimeoutMs: number,
    private readonly maxPending: number,
  ) {
    this.overdue = new DeadlineWheel((message) => this.giveUp(message));
  }

  /** Whether every message has its outcome. */
  get isIdle(): boolean {
    return this.waiting === 0 && this.underWay === 0;
  }

  /** @returns the message, for `withdraw`; undefined if it failed at once */
  publish(publication: Publication): AcceptedMessage | undefined {
    const refusal = this.refusal();
    if (refusal) {
      publication.failed(refusal);
      return undefined;
    }
    const message = new AcceptedMessage(publication, this.accepted++);
    if (!this.connection.isReady) this.limit(message);
    this.waiting++;
    this.queue.push(message);
    this.schedule();
    return message;
  }

  /** Takes back a message that was not sent yet. */
  withdraw(message: AcceptedMessage): boolean {
    if (!message.withdraw()) return false;
    this.left();
    return true;
  }

  /** The connection can be used (again). */
  resume(): void {
    this.schedule();
  }

  /** Accepts no more messages. Resolves when all accepted messages have an outcome, after `timeoutMs` at most. */
  async drain(timeoutMs: number): Promise<void> {
    this.state = 'draining';
    if (this.isIdle) return;
    const idle = new Promise<void>((resolve) => {
      this.whenIdle = resolve;
    });
    await within(timeoutMs, idle);
  }

  /** Fails the messages that wait. Messages in flight fail with the connection. */
  close(): void {
    this.state = 'closed';
    clearTimeout(this.retry);
    this.overdue.clear();
    for (const message of this.takeQueue()) this.fail(message, new TransportClosedError());
  }

  sending(count: number): void {
    this.waiting -= count;
    this.underWay += count;
  }

  answered(message: AcceptedMessage, error: unknown, entryId: unknown): void {
    this.underWay--;
    const failure = error ? publishError(message.publication.stream, error) : undefined;
    if (!error) message.stored(String(entryId));
    else if (failure) message.failed(failure);
    else this.comeBack(message);
    if (this.whenIdle && this.isIdle) this.whenIdle();
  }

  held(messages: readonly AcceptedMessage[]): void {
    for (const message of messages) this.limit(message);
  }

  released(messages: readonly AcceptedMessage[]): void {
    this.isDisordered = true;
    for (const message of messages) if (message.isWaiting) this.queue.push(message);
    if (this.state === 'closed') this.close();
    else this.schedule();
  }

  private refusal(): RedisStreamError | undefined {
    if (this.state !== 'open') return new TransportClosedError();
    return !this.connection.isReady && this.isFull ? new TooManyPendingError(this.maxPending) : undefined;
  }

  /** The bound also holds for messages that were accepted while the connection still seemed to be up. */
  private get isFull(): boolean {
    return this.queue.length - this.gaps >= this.maxPending;
  }

  /** The message could not be sent, so it goes before all messages that were accepted later. */
  private comeBack(message: AcceptedMessage): void {
    message.waitAgain();
    this.waiting++;
    this.isDisordered = true;
    this.keep(message);
    if (this.state === 'closed') return this.close();
    // The socket is closing, but its connection does not know yet. Usually `resume` comes before this timer.
    this.retry ??= setTimeout(() => {
      this.retry = undefined;
      this.schedule();
    }, NOT_SENT_PAUSE_MS).unref();
  }

  private keep(message: AcceptedMessage): void {
    if (this.isFull) return this.fail(message, new TooManyPendingError(this.maxPending));
    this.limit(message);
    this.queue.push(message);
  }

  private limit(message: AcceptedMessage): void {
    const now = performance.now();
    message.expiresAt ??= now + this.publishTimeoutMs;
    message.deadline ??= this.overdue.add(message, Math.max(0, message.expiresAt - now));
  }

  private giveUp(message: AcceptedMessage): void {
    const waited = `\`publishTimeout\` (${this.publishTimeoutMs} ms)`;
    this.gaps++;
    this.fail(message, this.connection.unavailable(waited, 'store'));
  }

  private fail(message: AcceptedMessage, error: RedisStreamError): void {
    this.waiting--;
    message.failed(error);
    if (this.whenIdle && this.isIdle) this.whenIdle();
  }

  /** A message that is over stays in the queue as a gap. */
  private left(): void {
    this.waiting--;
    this.gaps++;
    if (this.gaps > MAX_GAPS && this.gaps > this.queue.length / 2) this.queue = this.takeQueue();
    if (this.whenIdle && this.isIdle) this.whenIdle();
  }

  private schedule(): void {
    if (this.isScheduled || this.queue.length === 0) return;
    this.isScheduled = true;
    // After the promises of this turn, so that callers that were answered together can send again together.
    setImmediate(() => {
      this.isScheduled = false;
      this.flush();
    });
  }

  private flush(): void {
    const messages = this.takeQueue();
    if (!this.connection.isReady) for (const message of messages) this.keep(message);
    else if (this.connection.isCluster) this.flushToNodes(messages);
    else this.senderTo('').send(messages);
  }

  private flushToNodes(messages: readonly AcceptedMessage[]): void {
    const nodes = new Map<string, AcceptedMessage[]>();
    for (const message of messages) {
      const node = nodeOf(this.connection.client, hashSlot(message.publication.stream));
      const others = nodes.get(node);
      if (others) others.push(message);
      else nodes.set(node, [message]);
    }
    for (const [node, part] of nodes) this.senderTo(node).send(part);
  }

  private senderTo(node: string): NodeSender {
    let sender = this.senders.get(node);
    if (!sender) {
      sender = new NodeSender(this.connection, node, this.publishTimeoutMs, this);
      this.senders.set(node, sender);
    }
    return sender;
  }

  /** The messages that wait, in the order of the calls. */
  private takeQueue(): AcceptedMessage[] {
    let { queue } = this;
    this.queue = [];
    if (this.gaps > 0) queue = queue.filter(({ isWaiting }) => isWaiting);
    if (this.isDisordered) queue.sort((a, b) => a.order - b.order);
    this.gaps = 0;
    this.isDisordered = false;
    return queue;
  }
}
