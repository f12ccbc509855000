import type { Connection } from '../redis/connection.js';
import { withoutArguments } from '../redis/reply-error.js';
import type { RunningRequests } from './running/running-requests.js';

export interface ControlParts {
  /** Its own in front of a lone server; in a cluster ioredis opens one for subscriptions by itself. */
  readonly connection: Connection;
  readonly channel: string;
  readonly requests: RunningRequests;
  readonly info: (message: string) => void;
}

/**
 * Hears from clients which requests are cancelled. Nothing depends on it: what is missed is found by the next renewal of
 * leases.
 */
export class ControlChannel {
  private isSubscribing = false;
  private isClosed = false;
  private hasComplained = false;

  constructor(private readonly parts: ControlParts) {}

  /** Listens from the moment its connection is there, and anew after each reconnect. */
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
      `Cancelled requests are noticed only when leases are renewed, since Redis refuses to subscribe to "${this.parts.channel}": ${withoutArguments(error).message}`,
    );
  }

  private readonly hear = (channel: string, text: string): void => {
    if (channel !== this.parts.channel) return;
    const id = cancelledId(text);
    if (id !== undefined) this.parts.requests.cancel(id, 'its caller has stopped waiting');
  };
}

const connectionWasThere = (error: unknown): boolean => (error as Error).name === 'ReplyError';

/** Whoever may publish here may write anything. */
function cancelledId(text: string): string | undefined {
  try {
    const { kind, id } = JSON.parse(text) as { kind?: unknown; id?: unknown };
    return kind === 'cancel' && typeof id === 'string' ? id : undefined;
  } catch {
    return undefined;
  }
}
