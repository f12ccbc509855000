import { TransportClosedError, TransportUnavailableError } from '../errors/transport-errors.js';
import type { ConnectionRole, RedisClient, RedisConnection } from '../interfaces/connection.js';
import type { TransportStatus } from '../interfaces/events.js';
import { addressOf } from './address.js';
import { CLOSE_TIMEOUT_MS, openClient } from './redis-client.js';
import { withoutArguments } from './reply-error.js';

export interface ConnectionWatcher {
  statusChanged(role: ConnectionRole, status: TransportStatus): void;
  failed(role: ConnectionRole, error: Error): void;
}

/** Why a caller waits for a connection; an error says what the outage means for the caller. */
export type Purpose = 'connect' | 'store';

/** One socket with a role: opens it, reports when it is ready, closes it. It reconnects forever until `close()`. */
export class Connection {
  readonly client: RedisClient;
  readonly isCluster: boolean;
  /** How often the connection has become ready; when it grows, a read may be lost. */
  epoch = 0;

  private closing: Promise<void> | undefined;
  /** The last error; undefined once the connection is ready. */
  private trouble: Error | undefined;
  private readonly waiting = new Set<(error?: Error) => void>();

  constructor(
    readonly role: ConnectionRole,
    private readonly source: RedisConnection,
    blockMs: number,
    private readonly watcher: ConnectionWatcher,
  ) {
    this.client = openClient(source, role, blockMs);
    this.isCluster = this.client.isCluster;
    this.client.on('ready', () => this.becameReady());
    this.client.on('error', (error: Error) => this.failed(withoutArguments(error)));
    this.client.on('reconnecting', () => this.tell('reconnecting'));
    this.client.on('end', () => this.tell('disconnected'));
  }

  get isReady(): boolean {
    return this.client.status === 'ready';
  }

  get isClosed(): boolean {
    return this.closing !== undefined;
  }

  /** Starts connecting, once. A failure does not reach the caller: the retries go on in the background. */
  open(): void {
    if (this.client.status === 'wait') this.client.connect().catch(() => undefined);
    else if (this.isReady && this.epoch === 0) this.becameReady();
  }

  /**
   * Resolves when the connection can be used.
   * @throws {TransportUnavailableError} after `timeoutMs` (0 waits without a limit)
   * @throws {TransportClosedError} once closed
   */
  ready(timeoutMs = 0, purpose: Purpose = 'connect'): Promise<void> {
    if (this.isClosed) return Promise.reject(new TransportClosedError());
    if (this.isReady) return Promise.resolve();
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const settle = (error?: Error): void => {
        clearTimeout(timer);
        this.waiting.delete(settle);
        if (error) reject(error);
        else resolve();
      };
      this.waiting.add(settle);
      if (timeoutMs > 0) timer = setTimeout(() => settle(this.unavailable(`${timeoutMs} ms`, purpose)), timeoutMs);
    });
  }

  /** The error for a caller that waited without success: the address of Redis and the last error of the connection. */
  unavailable(waited: string, purpose: Purpose): TransportUnavailableError {
    const what = `No connection to Redis at ${addressOf(this.source, this.client)} within ${waited}`;
    return new TransportUnavailableError(what, this.trouble, purpose === 'store');
  }

  /** Resolves when the socket is closed, after half a second at most. May be called any number of times. */
  close(): Promise<void> {
    return (this.closing ??= this.shut());
  }

  private async shut(): Promise<void> {
    const { client } = this;
    const ended = hasSocket(client) ? endOf(client, CLOSE_TIMEOUT_MS) : undefined;
    client.disconnect();
    for (const settle of this.waiting) settle(new TransportClosedError());
    this.watcher.statusChanged(this.role, 'disconnected');
    await ended;
  }

  private becameReady(): void {
    this.epoch++;
    this.trouble = undefined;
    this.tell('connected');
    for (const settle of this.waiting) settle();
  }

  private failed(error: Error): void {
    this.trouble = error;
    this.watcher.failed(this.role, error);
  }

  private tell(status: TransportStatus): void {
    if (!this.isClosed) this.watcher.statusChanged(this.role, status);
  }
}

/** ioredis never emits `end` for a client between two attempts, or for a cluster without a node. */
function hasSocket(client: RedisClient): boolean {
  if ('nodes' in client) return client.nodes().length > 0;
  return client.status !== 'reconnecting' && client.status !== 'end';
}

function endOf(client: RedisClient, timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, timeoutMs);
    client.once('end', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
