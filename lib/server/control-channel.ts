import type { Connection } from '../redis/connection.js';
import { withoutArguments } from '../redis/reply-error.js';
import type { RunningRequests } from './running/running-requests.js';

export interface ControlParts {
  /** A separate one, except in a cluster, where ioredis opens one for subscriptions by itself. */
  readonly connection: Connection;
  readonly channel: string;
  readonly requests: RunningRequests;
  readonly info: (message: string) => void;
}

/**
 * Receives the ids of cancelled requests from clients. Nothing depends on it: the next lease renewal finds a
 * cancellation that was missed.
 */
export class ControlChannel {
  private isSubscribing = false;
  private isClosed = false;
  private hasComplained = false;

  constructor(private readonly parts: ControlParts) {}

  /** Subscribes as soon as the connection is ready, and again after each reconnect. */
  open(): void {
    const { client } = this.parts.connection;
    client.on('message', this.hear);
    client.on('ready', this.subscribe);
    if (this.parts.connection.isReady) this.subscribe();
  }

  close(): void {
    this.isClosed = true;
    const { client } = this.parts.connection;
    client.off('message', this.hear);
    client.off('ready', this.subscribe);
  }

  private readonly subscribe = (): void => {
    if (this.isSubscribing || this.isClosed) return;
    this.isSubscribing = true;
    const { connection, channel } = this.parts;
    connection.client
      .subscribe(channel)
      .catch((error: unknown) => this.complain(error))
      .finally(() => (this.isSubscribing = false));
  };

  private complain(error: unknown): void {
    if (this.isClosed || this.hasComplained || !connectionWasThere(error)) return;
    this.hasComplained = true;
    this.parts.info(
      `Cancelled requests are noticed only when leases are renewed, because Redis refuses the subscription to "${this.parts.channel}": ${withoutArguments(error).message}`,
    );
  }

  private readonly hear = (channel: string, text: string): void => {
    if (channel !== this.parts.channel) return;
    const id = cancelledId(text);
    if (id !== undefined) this.parts.requests.cancel(id, 'its caller has stopped waiting');
  };
}

const connectionWasThere = (error: unknown): boolean => (error as Error).name === 'ReplyError';

/** Undefined for any other message: every client with the right to publish here can send anything. */
function cancelledId(text: string): string | undefined {
  try {
    const { kind, id } = JSON.parse(text) as { kind?: unknown; id?: unknown };
    return kind === 'cancel' && typeof id === 'string' ? id : undefined;
  } catch {
    return undefined;
  }
}
