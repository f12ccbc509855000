import { INBOX_BLOCK_MS } from '../constants.js';
import type { ClientSettings } from '../options/settings.js';
import type { Connection } from '../redis/connection.js';
import { ConnectionGroup } from '../redis/connection-group.js';
import type { GroupWatcher } from '../redis/connection-group.js';
import { within } from '../timing/within.js';
import { controlChannel } from '../topology/keys.js';
import { PendingRequests } from './pending-requests.js';
import { Publisher } from './publisher.js';
import { ReplyInbox } from './reply-inbox.js';
import { RequestCanceller } from './request-canceller.js';
import { ServedStreams } from './served-streams.js';

/** If Redis is up, a connection that is being opened or was just lost is ready within this time. */
const CONNECT_GRACE_MS = 400;
/** Redis answers what was sent within this time, or the outcome stays unknown. */
const DRAIN_TIMEOUT_MS = 1_000;
/** Time to cancel unanswered requests and to remove the reply stream. */
const FAREWELL_TIMEOUT_MS = 200;

export interface RuntimeWatcher extends GroupWatcher {
  /** A message for the operator, to be logged once. */
  informed(message: string): void;
}

/** The parts of a client from its first use to `close()`. */
export class ClientRuntime {
  readonly connections: ConnectionGroup;
  readonly publisher: Publisher;
  readonly pending: PendingRequests;
  readonly inbox: ReplyInbox;
  readonly served: ServedStreams;
  readonly canceller: RequestCanceller;

  private readonly writer: Connection;
  private connecting: Promise<void> | undefined;

  constructor(settings: ClientSettings, watcher: RuntimeWatcher) {
    const { connection, publishTimeoutMs, maxPending, prefix } = settings;
    this.connections = new ConnectionGroup(connection, INBOX_BLOCK_MS, watcher);
    const writer = this.connections.add('publisher');
    const reader = this.connections.add('inbox');
    this.writer = writer;
    this.pending = new PendingRequests(maxPending, (id) => this.canceller.stop(id));
    this.publisher = new Publisher(writer, publishTimeoutMs, maxPending);
    const refused = (error: Error): void => watcher.failed('inbox', error);
    this.inbox = new ReplyInbox(prefix, { reader, writer, pending: this.pending, refused }, publishTimeoutMs);
    this.served = new ServedStreams(writer.client);
    this.canceller = new RequestCanceller(writer, controlChannel(prefix), (message) => watcher.informed(message));
    writer.client.on('ready', () => {
      this.publisher.resume();
      this.canceller.resume();
    });
  }

  /** @throws {TransportUnavailableError} after `timeoutMs`; 0 waits without a limit */
  async connect(timeoutMs: number): Promise<void> {
    const connecting = this.connections.ready(timeoutMs).then(() => this.inbox.open());
    this.connecting = connecting;
    await connecting;
  }

  /**
   * Unanswered requests fail with `error` at once and are cancelled. Accepted messages are still written if Redis is up
   * or comes up within a moment; otherwise they fail. Then the connections are closed.
   */
  async close(error: Error): Promise<void> {
    this.pending.failAll(error);
    await Promise.all([this.drained(), this.connecting && within(CONNECT_GRACE_MS, this.connecting)]);
    this.publisher.close();
    await within(FAREWELL_TIMEOUT_MS, Promise.all([this.canceller.flushed(), this.inbox.close()]));
    await this.connections.close();
  }

  private async drained(): Promise<void> {
    const drained = this.publisher.drain(DRAIN_TIMEOUT_MS);
    if (this.publisher.isIdle) return;
    const isReady = await this.writer.ready(CONNECT_GRACE_MS).then(
      () => true,
      () => false,
    );
    if (isReady) await drained;
  }
}
