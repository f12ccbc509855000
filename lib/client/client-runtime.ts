import { INBOX_BLOCK_MS } from '../constants.js';
import type { Connection } from '../redis/connection.js';
import { ConnectionGroup } from '../redis/connection-group.js';
import type { GroupWatcher } from '../redis/connection-group.js';
import type { ClientSettings } from '../options/settings.js';
import { PendingRequests } from './pending-requests.js';
import { Publisher } from './publisher.js';
import { ReplyInbox } from './reply-inbox.js';
import { ServedStreams } from './served-streams.js';

/** Everything of a client that lives from its first use to `close()`. */
export class ClientRuntime {
  readonly connections: ConnectionGroup;
  readonly writer: Connection;
  readonly publisher: Publisher;
  readonly pending: PendingRequests;
  readonly inbox: ReplyInbox;
  readonly served: ServedStreams;

  constructor(settings: ClientSettings, watcher: GroupWatcher) {
    const { connection, publishTimeoutMs, maxPending, prefix } = settings;
    this.connections = new ConnectionGroup(connection, INBOX_BLOCK_MS, watcher);
    const writer = this.connections.add('publisher');
    const reader = this.connections.add('inbox');
    this.writer = writer;
    this.pending = new PendingRequests(maxPending);
    this.publisher = new Publisher(writer, publishTimeoutMs, maxPending);
    this.inbox = new ReplyInbox(prefix, { reader, writer, pending: this.pending }, publishTimeoutMs);
    this.served = new ServedStreams(writer.client);
    writer.client.on('ready', () => this.publisher.resume());
  }

  /** What waits fails with `error`; then the connections are released. */
  async close(error: Error): Promise<void> {
    this.pending.failAll(error);
    this.publisher.close();
    await this.inbox.close();
    await this.connections.close();
  }
}
