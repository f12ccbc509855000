import type { ConnectionRole, RedisClient, RedisConnection } from '../interfaces/connection.js';
import type { TransportStatus } from '../interfaces/events.js';
import { isThenable } from '../timing/thenable.js';
import { Connection } from './connection.js';
import { withoutArguments } from './reply-error.js';

const CONNECTION_EVENTS = new Set(['connect', 'ready', 'error', 'close', 'reconnecting', 'end']);

export interface GroupWatcher {
  /** The worst status of all connections. */
  statusChanged(status: TransportStatus): void;
  /** The first error since the connection was last ready. */
  failed(role: ConnectionRole, error: Error): void;
  recovered(role: ConnectionRole): void;
  /** A user's listener threw or rejected. */
  listenerFailed(error: unknown): void;
}

/**
 * The connections of one client or server: opened, watched and closed together. Nothing depends on a `control`
 * connection, so the group does not wait for it, and the status does not include it.
 */
export class ConnectionGroup {
  private readonly members: Connection[] = [];
  private readonly optional: Connection[] = [];
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
    if (role === 'control') this.optional.push(connection);
    else {
      this.members.push(connection);
      this.states.set(connection, 'reconnecting');
    }
    return connection;
  }

  open(): void {
    for (const connection of this.all) connection.open();
  }

  /** @throws {TransportUnavailableError} after `timeoutMs`; 0 waits without a limit */
  async ready(timeoutMs: number): Promise<void> {
    this.open();
    await Promise.all(this.members.map((connection) => connection.ready(timeoutMs)));
  }

  /**
   * Adds a listener to each connection. Its first argument is the role, its second the error without command arguments.
   * A listener that throws or rejects is reported, and affects neither the connection nor the process.
   */
  on(event: string, listener: (role: ConnectionRole, error?: Error) => unknown): void {
    if (!CONNECTION_EVENTS.has(event)) return;
    for (const { client, role } of this.all) {
      client.on(event, (error?: unknown) =>
        this.call(() => listener(role, ...(event === 'error' ? [withoutArguments(error)] : []))),
      );
    }
  }

  /** Resolves when all sockets are closed, after half a second at most. */
  async close(): Promise<void> {
    await Promise.all(this.all.map((connection) => connection.close()));
  }

  private call(listener: () => unknown): void {
    const failed = (error: unknown): void => this.watcher.listenerFailed(error);
    try {
      const result = listener();
      if (isThenable(result)) result.then(undefined, failed);
    } catch (error) {
      failed(error);
    }
  }

  private get all(): Connection[] {
    return [...this.members, ...this.optional];
  }

  private stateOf(connection: Connection, state: TransportStatus): void {
    if (state === 'connected' && this.complained.delete(connection)) this.watcher.recovered(connection.role);
    if (!this.states.has(connection)) return;
    this.states.set(connection, state);
    const states = new Set(this.states.values());
    if (states.has('disconnected')) this.watcher.statusChanged('disconnected');
    else if (states.has('reconnecting')) {
      // A first connection that is still being opened is not reported.
      if (state === 'reconnecting') this.watcher.statusChanged('reconnecting');
    } else this.watcher.statusChanged('connected');
  }

  /** One line per outage, not per retry. */
  private complain(connection: Connection, error: Error): void {
    // Nothing depends on a `control` connection, so its errors are not reported.
    if (this.complained.has(connection) || !this.states.has(connection)) return;
    this.complained.add(connection);
    this.watcher.failed(connection.role, error);
  }
}
