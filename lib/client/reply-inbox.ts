import { v4 as uuid } from 'uuid';
import { decodeReply } from '../codec/entry.codec.js';
import { INBOX_BLOCK_MS, REPLY_STREAM_TTL_MS } from '../constants.js';
import { TransportClosedError, TransportUnavailableError } from '../errors/transport-errors.js';
import type { Connection } from '../redis/connection.js';
import { classify, withoutArguments } from '../redis/reply-error.js';
import { Periodic } from '../timing/periodic.js';
import { replyStreamKey } from '../topology/keys.js';
import { entryTime, nextId, readAfter } from '../redis/stream-commands.js';
import type { StreamEntry } from '../redis/stream-commands.js';
import type { PendingRequests } from './pending-requests.js';

/** Below every entry id. */
const FIRST_ID = '0-0';
const READ_COUNT = 1_000;
/** Field of the entries that create the stream. */
const CREATED = 'created';
const HOUSEKEEPING_MS = 500;
const PAUSE_AFTER_ERROR_MS = 200;

export interface InboxParts {
  /** Blocks in XREAD, so it is used for nothing else. */
  readonly reader: Connection;
  readonly writer: Connection;
  readonly pending: PendingRequests;
  /** Redis does not let this client use its reply stream. Called once per reason. */
  refused(error: Error): void;
}

/**
 * The reply stream of this client. It is created before the first request is written, read from the last id seen,
 * trimmed as it is read, and expires a minute after the client is gone. It has no group, so its entries are never
 * pending.
 */
export class ReplyInbox {
  readonly id = uuid();

  private readonly stream: string;
  private lastId = FIRST_ID;
  private opening: Promise<void> | undefined;
  private isOpen = false;
  private closed = false;
  private untrimmed = false;
  private renewedAt = 0;
  /** Each creation of the stream leaves an entry with its number: the last one, and the last that the reader has seen. */
  private created = 0;
  private seen = 0;
  private createdAt = 0;
  /** Start of the read in progress (monotonic clock). */
  private readingSince = Infinity;
  private readonly refusals = new Set<string>();
  private readonly housekeeping: Periodic<string>;

  constructor(
    prefix: string,
    private readonly parts: InboxParts,
    private readonly publishTimeoutMs: number,
  ) {
    this.stream = replyStreamKey(prefix, this.id);
    this.housekeeping = new Periodic({
      everyMs: HOUSEKEEPING_MS,
      targets: () => [this.stream],
      task: () => this.keepHouse(),
      isPossible: () => parts.writer.isReady,
      // The next turn tries again.
      failed: (_, error) => this.report(error),
    });
  }

  /** Whether the reply stream exists, so that requests may be written. */
  get isReady(): boolean {
    return this.isOpen;
  }

  /**
   * Creates the stream and starts reading, once; resolves when requests may be written.
   * @throws {TransportUnavailableError} if there is no connection, or Redis refuses the stream
   */
  open(): Promise<void> {
    return (this.opening ??= this.start().catch((error: unknown) => {
      this.opening = undefined;
      throw error;
    }));
  }

  /** Stops reading and removes the stream, if Redis can be reached. */
  async close(): Promise<void> {
    this.closed = true;
    void this.housekeeping.stop();
    if (!this.opening) return;
    const { writer } = this.parts;
    try {
      // A connection that was just lost is back in a moment. The caller limits the wait.
      await writer.ready();
      // An expiry of 1 ms deletes the stream without the permission to delete.
      await writer.client.pexpire(this.stream, 1);
    } catch {
      // The stream expires by itself.
    }
  }

  private async start(): Promise<void> {
    await this.parts.writer.ready(this.publishTimeoutMs, 'store');
    await this.create().catch((error: unknown) => {
      const what = `The reply stream "${this.stream}" cannot be created`;
      throw new TransportUnavailableError(what, withoutArguments(error), true);
    });
    if (this.closed) throw new TransportClosedError();
    this.isOpen = true;
    // Messages that wait are sent as soon as the connection is back; the stream has to exist by then.
    this.parts.writer.client.on('ready', () => {
      if (!this.closed) void this.create().catch(() => undefined);
    });
    this.parts.reader.open();
    void this.readUntilClosed();
    this.housekeeping.start();
  }

  /**
   * Creates the stream with its expiry, if it is missing. This comes before anything else on this connection: the reply
   * to a request that overtakes it would have no stream. The reader ignores an entry that is not a reply.
   */
  async create(): Promise<void> {
    const { client } = this.parts.writer;
    const creation = this.created + 1;
    const [id] = await Promise.all([
      client.xadd(this.stream, '*', CREATED, creation),
      client.pexpire(this.stream, REPLY_STREAM_TTL_MS),
    ]);
    this.created = creation;
    this.createdAt = performance.now();
    this.renewedAt = this.createdAt;
    this.untrimmed = true;
    if (id !== null && entryTime(id) < entryTime(this.lastId)) this.startOver();
  }

  /**
   * Ids of a stream only grow, so a smaller id comes from a new stream and a clock that went back. A read that waits
   * for ids above the old ones would miss new replies, so its connection is opened again.
   */
  private startOver(): void {
    this.lastId = FIRST_ID;
    this.parts.reader.client.disconnect(true);
  }

  private async readUntilClosed(): Promise<void> {
    while (!this.closed) {
      try {
        await this.parts.reader.ready();
        this.deliver(await this.read());
      } catch (error) {
        // The connection's own events show an outage; the replies are still in the stream when it is over.
        this.report(error);
        if (!this.closed && !this.parts.reader.isClosed) await pause(PAUSE_AFTER_ERROR_MS);
      }
    }
  }

  private async read(): Promise<readonly StreamEntry[]> {
    this.readingSince = performance.now();
    try {
      return await readAfter(this.parts.reader.client, this.stream, this.lastId, READ_COUNT, INBOX_BLOCK_MS);
    } finally {
      this.readingSince = Infinity;
    }
  }

  /** A refusal by Redis does not show in the events of the connection, and callers only see a timeout. */
  private report(error: unknown): void {
    const kind = classify(error);
    if (kind !== 'fatal' && kind !== 'reject') return;
    const refusal = withoutArguments(error);
    if (this.refusals.has(refusal.message)) return;
    this.refusals.add(refusal.message);
    this.parts.refused(refusal);
  }

  private deliver(entries: readonly StreamEntry[]): void {
    for (const { id, fields } of entries) {
      this.lastId = id;
      this.untrimmed = true;
      const part = fields && decodeReply(fields);
      if (part) this.parts.pending.deliver(part);
      else if (fields?.[0] === CREATED) this.seen = Number(fields[1]);
    }
  }

  private async keepHouse(): Promise<void> {
    // Renewing comes first: if the stream is missing, a server keeps a reply for only a second.
    if (this.parts.pending.size > 0 || performance.now() - this.renewedAt > REPLY_STREAM_TTL_MS / 3) await this.renew();
    if (this.untrimmed) await this.trim();
    this.findMaster();
  }

  /**
   * A former master refuses writes, but answers reads: behind an address that has moved, only the writer would notice.
   * A reader that does not see what the writer has written connects again.
   */
  private findMaster(): void {
    const waitedMs = performance.now() - Math.max(this.createdAt, this.readingSince);
    if (this.seen >= this.created || waitedMs < HOUSEKEEPING_MS) return;
    this.seen = this.created;
    this.parts.reader.client.disconnect(true);
  }

  private async trim(): Promise<void> {
    const upTo = this.lastId;
    await this.parts.writer.client.xtrim(this.stream, 'MINID', nextId(upTo));
    if (this.lastId === upTo) this.untrimmed = false;
  }

  private async renew(): Promise<void> {
    const exists = await this.parts.writer.client.pexpire(this.stream, REPLY_STREAM_TTL_MS);
    this.renewedAt = performance.now();
    if (exists || this.closed) return;
    // The stream was lost with FLUSHALL or a failover.
    await this.create();
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
