import type { ConnectionRole, RedisClient, RedisConnection } from '../interfaces/connection.js';
import type { TransportStatus } from '../interfaces/events.js';
import { Connection } from './connection.js';
import { withoutArguments } from './reply-error.js';

const CONNECTION_EVENTS = new Set(['connect', 'ready', 'error', 'close', 'reconnecting', 'end']);

export interface GroupWatcher {
  /** The worst of all connections' states. */
  statusChanged(status: TransportStatus): void;
  /** The first error since the connection could be used. */
  failed(role: ConnectionRole, error: Error): void;
  recovered(role: ConnectionRole): void;
}

/** The connections of one client or server: opened, watched, listened to and closed together. */
export class ConnectionGroup {
  private readonly members: Connection[] = [];
  private readonly states = new Map<Connection, TransportStatus>();
  private readonly complained = new Set<Connection>();

  constructor(
    private readonly source: RedisConnection,
    private readonly blockMs: number,
    private readonly watcher: GroupWatcher,
  ) {}

  get clients(): RedisClient[] {
    return this.members.map(({ client }) => client);
  }

  get isReady(): boolean {
    return this.members.every(({ isReady }) => isReady);
  }

  add(role: ConnectionRole): Connection {
    const connection: Connection = new Connection(role, this.source, this.blockMs, {
      statusChanged: (_, status) => this.stateOf(connection, status),
      failed: (_, error) => this.complain(connection, error),
    });
    this.members.push(connection);
    this.states.set(connection, 'reconnecting');
    return connection;
  }

  open(): void {
    for (const connection of this.members) connection.open();
  }

  /** @throws {TransportUnavailableError} after `timeoutMs`; 0 waits for ever */
  async ready(timeoutMs: number): Promise<void> {
    this.open();
    await Promise.all(this.members.map((connection) => connection.ready(timeoutMs)));
  }

  /** Adds a listener to each connection; its first argument is the role, its second the error without arguments. */
  on(event: string, listener: (role: ConnectionRole, error?: Error) => void): void {
    if (!CONNECTION_EVENTS.has(event)) return;
    for (const { client, role } of this.members) {
      client.on(event, (error?: unknown) => listener(role, ...(event === 'error' ? [withoutArguments(error)] : [])));
    }
  }

  close(): void {
    for (const connection of this.members) connection.close();
  }

  private stateOf(connection: Connection, state: TransportStatus): void {
    this.states.set(connection, state);
    if (state === 'connected' && this.complained.delete(connection)) this.watcher.recovered(connection.role);
    const states = new Set(this.states.values());
    if (states.has('disconnected')) this.watcher.statusChanged('disconnected');
    else if (states.has('reconnecting')) {
      // A first connection that is still being made is no news.
      if (state === 'reconnecting') this.watcher.statusChanged('reconnecting');
    } else this.watcher.statusChanged('connected');
  }

  /** One line an outage, not one a retry. */
  private complain(connection: Connection, error: Error): void {
    if (this.complained.has(connection)) return;
    this.complained.add(connection);
    this.watcher.failed(connection.role, error);
  }
}
