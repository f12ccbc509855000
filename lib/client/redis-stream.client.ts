import { Logger } from '@nestjs/common';
import type { OnApplicationShutdown } from '@nestjs/common';
import { ClientProxy } from '@nestjs/microservices';
import type { ReadPacket, WritePacket } from '@nestjs/microservices';
import { Observable } from 'rxjs';
import { v4 as uuid } from 'uuid';
import { assertSize, encodeJson, encodeMessage } from '../codec/entry.codec.js';
import type { OutgoingMessage, ReplyPart, RequestAddress } from '../codec/entry.codec.js';
import { parseJson } from '../codec/json.js';
import { INBOX_BLOCK_MS, NO_MESSAGE_HANDLER } from '../constants.js';
import { PublishOutcomeUnknownError, TransportClosedError } from '../errors/transport-errors.js';
import type { RedisStreamError } from '../errors/transport-errors.js';
import type { RedisClient } from '../interfaces/connection.js';
import type { ConnectionListeners, TransportStatus } from '../interfaces/events.js';
import type { RedisStreamClientOptions } from '../interfaces/options.js';
import { resolveClientOptions } from '../settings/settings.js';
import type { ClientSettings } from '../settings/settings.js';
import { RedisStreamRecord } from '../record/redis-stream.record.js';
import { ConnectionGroup } from '../redis/connection-group.js';
import { streamKey } from '../redis/keys.js';
import { PendingRequests } from './pending-requests.js';
import { Publisher } from './publisher.js';
import type { Publication } from './publisher.js';
import { ReplyInbox } from './reply-inbox.js';
import { ServedStreams } from './served-streams.js';

/** Everything that lives from the first use to `close()`. */
interface Link {
  readonly connections: ConnectionGroup;
  readonly publisher: Publisher;
  readonly pending: PendingRequests;
  readonly inbox: ReplyInbox;
  readonly served: ServedStreams;
}

/**
 * Nest's client side over Redis Streams. Connects with its first use and stays connected until `close()`.
 *
 * `send()` is cold, as in Nest: each subscription is a request of its own. `emit()` is hot: the event is on its way
 * when the call returns.
 */
export class RedisStreamClient extends ClientProxy<ConnectionListeners> implements OnApplicationShutdown {
  private readonly logger = new Logger(RedisStreamClient.name);
  private readonly settings: ClientSettings;
  private readonly listeners: { event: string; listener: (...args: unknown[]) => void }[] = [];
  private link: Link | undefined;

  /** @throws {RedisStreamOptionError} */
  constructor(options: RedisStreamClientOptions) {
    super();
    this.settings = resolveClientOptions(options);
    this.initializeSerializer(this.settings);
    this.initializeDeserializer(this.settings);
  }

  /** The worst of all connections' states; replays the latest. */
  override get status(): Observable<TransportStatus> {
    return super.status as Observable<TransportStatus>;
  }

  /**
   * Resolves when messages can be sent and replies received. Not needed before `send` or `emit`.
   * @throws {TransportUnavailableError} after `option.connectTimeout`; a later call may succeed
   */
  async connect(): Promise<void> {
    const { connections, inbox } = this.open();
    await connections.ready(this.settings.connectTimeoutMs);
    await inbox.open();
  }

  /** Rejects what waits with `TransportClosedError` and releases the connections. The client can be used again. */
  async close(): Promise<void> {
    const { link } = this;
    if (!link) return;
    this.link = undefined;
    link.pending.failAll(new TransportClosedError('unknown'));
    link.publisher.close();
    await link.inbox.close();
    link.connections.close();
  }

  /** For clients from a plain provider factory; `ClientsModule` puts `close` here itself. */
  onApplicationShutdown(): Promise<void> {
    return this.close();
  }

  override on<Event extends keyof ConnectionListeners>(event: Event, listener: ConnectionListeners[Event]): void {
    const registration = { event, listener: listener as (...args: unknown[]) => void };
    this.listeners.push(registration);
    this.link?.connections.on(registration.event, registration.listener);
  }

  /** The ioredis clients: `[publisher, inbox]`. @throws {Error} before the first use */
  override unwrap<T = [publisher: RedisClient, inbox: RedisClient]>(): T {
    if (!this.link) throw new Error('Not initialized. Please call the "connect" method first.');
    return this.link.connections.clients as T;
  }

  override send<TResult = Anything, TInput = Anything>(pattern: unknown, data: TInput): Observable<TResult> {
    // Nest refuses null as well; here it is data like any other.
    if (isNil(pattern) || data === undefined) return super.send(pattern, data);
    return new Observable<TResult>((observer) =>
      this.publish(this.packet(pattern, data), this.createObserver(observer)),
    );
  }

  override emit<TResult = Anything, TInput = Anything>(pattern: unknown, data: TInput): Observable<TResult> {
    if (isNil(pattern) || data === undefined) return super.emit(pattern, data);
    let observed = false;
    const dispatched = new Promise<TResult>((resolve, reject) => {
      // Inside the executor, so that what the dispatch hook throws rejects as well.
      this.dispatchEvent<TResult>(this.packet(pattern, data)).then(resolve, reject);
    });
    dispatched.catch((error: Error) => {
      if (!observed) this.logger.error(`An event was not published, and nobody listens: ${error.message}`);
    });
    return new Observable<TResult>((observer) => {
      observed = true;
      dispatched.then(
        (value) => {
          observer.next(value);
          observer.complete();
        },
        (error: unknown) => observer.error(error),
      );
    });
  }

  protected publish(packet: ReadPacket, callback: (packet: WritePacket) => void): () => void {
    try {
      const request = this.prepare(packet);
      const { link } = request;
      link.pending.add(request.address.id, {
        pattern: request.pattern,
        timeoutMs: request.address.ttl,
        replied: (part) => this.pass(part, callback),
        failed: (error) => callback({ err: error }),
      });
      if (link.inbox.isReady && link.served.isKnown(request.stream)) this.write(request);
      else void this.writeWhenServed(request, callback);
      return () => this.cancel(request);
    } catch (error) {
      callback({ err: error });
      return () => undefined;
    }
  }

  protected dispatchEvent<T = unknown>(packet: ReadPacket): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const { pattern, message } = this.encode(packet);
      const stream = streamKey(this.settings.prefix, pattern);
      this.open().publisher.publish({
        stream,
        fields: encodeMessage(message),
        stored: () => resolve(undefined as T),
        failed: reject,
      });
    });
  }

  private prepare(packet: ReadPacket): Request {
    const { pattern, message, timeoutMs } = this.encode(packet);
    const link = this.open();
    const address = { id: uuid(), inbox: link.inbox.id, ttl: timeoutMs };
    const stream = streamKey(this.settings.prefix, pattern);
    return {
      link,
      pattern,
      stream,
      address,
      fields: encodeMessage(message, address),
      publication: undefined,
      entryId: undefined,
    };
  }

  private encode(packet: ReadPacket): { pattern: string; message: OutgoingMessage; timeoutMs: number } {
    const pattern = this.normalizePattern(packet.pattern as string);
    const { data, headers, messageId, timeout } =
      packet.data instanceof RedisStreamRecord
        ? packet.data
        : new RedisStreamRecord(packet.data, undefined, undefined, undefined);
    return {
      pattern,
      message: {
        data: this.encodeData({ ...packet, data }),
        headers: packet.metadata || headers ? { ...headers, ...packet.metadata } : undefined,
        messageId,
      },
      timeoutMs: timeout ?? this.settings.requestTimeoutMs,
    };
  }

  /** A serializer of the user may return a packet, or the text that goes on the wire as it is. */
  private encodeData(packet: ReadPacket): string | undefined {
    const { maxPayloadBytes, serializer } = this.settings;
    if (!serializer) return encodeJson(packet.data, 'The payload', maxPayloadBytes);
    const serialized: unknown = serializer.serialize(packet);
    if (typeof serialized === 'string') return assertSize(serialized, 'The payload', maxPayloadBytes);
    return encodeJson((serialized as ReadPacket).data, 'The payload', maxPayloadBytes);
  }

  private packet(pattern: unknown, data: unknown): ReadPacket {
    const packet: ReadPacket = { pattern, data };
    this.onDispatchHook?.(packet);
    return packet;
  }

  private async writeWhenServed(request: Request, callback: (packet: WritePacket) => void): Promise<void> {
    const { link, address, stream } = request;
    try {
      await link.inbox.open();
      const isServed = await link.served.check(stream);
      if (!link.pending.has(address.id)) return;
      if (isServed) this.write(request);
      else if (link.pending.remove(address.id)) callback({ err: NO_MESSAGE_HANDLER });
    } catch (error) {
      link.pending.fail(address.id, error as Error);
    }
  }

  private write(request: Request): void {
    const { link, stream, fields } = request;
    request.publication = {
      stream,
      fields,
      stored: (entryId) => {
        request.entryId = entryId;
        if (request.isCancelled) this.deleteEntry(request);
      },
      failed: (error) => this.publishFailed(request, error),
    };
    link.publisher.publish(request.publication);
  }

  private publishFailed({ link, address }: Request, error: RedisStreamError): void {
    // It may have been stored all the same, and then a reply will come. Without a deadline nobody could tell when not.
    if (error instanceof PublishOutcomeUnknownError && address.ttl > 0) return;
    link.pending.fail(address.id, error);
  }

  private cancel(request: Request): void {
    if (!request.link.pending.remove(request.address.id)) return;
    if (request.publication && request.link.publisher.withdraw(request.publication)) return;
    request.isCancelled = true;
    if (request.entryId !== undefined) this.deleteEntry(request);
  }

  /** Nobody waits any more, so a server that has not read the request yet need not run it. */
  private deleteEntry({ link, stream, entryId }: Request): void {
    const [publisher] = link.connections.clients;
    if (entryId !== undefined) publisher?.xdel(stream, entryId).catch(() => undefined);
  }

  private pass(part: ReplyPart, callback: (packet: WritePacket) => void): void {
    try {
      const packet: WritePacket & { id: string } = { id: part.id, isDisposed: part.last };
      if (part.err !== undefined) packet.err = parseJson(part.err);
      else if (part.data !== undefined) packet.response = this.decodeData(part.data);
      const { deserializer } = this.settings;
      callback(deserializer ? (deserializer.deserialize(packet) as WritePacket) : packet);
    } catch (error) {
      this.link?.pending.remove(part.id);
      callback({ err: error });
    }
  }

  private decodeData(text: string): unknown {
    try {
      return parseJson(text);
    } catch (error) {
      if (this.settings.deserializer) return text;
      throw error;
    }
  }

  private open(): Link {
    return (this.link ??= this.connectLink());
  }

  private connectLink(): Link {
    const { connection, publishTimeoutMs, maxPending, prefix } = this.settings;
    const connections = new ConnectionGroup(connection, INBOX_BLOCK_MS, {
      statusChanged: (status) => this._status$.next(status),
      failed: (role, error) => this.logger.error(`Redis connection "${role}": ${error.message}`),
      recovered: (role) => this.logger.log(`Redis connection "${role}" is back`),
    });
    const writer = connections.add('publisher');
    const reader = connections.add('inbox');
    const pending = new PendingRequests(maxPending);
    const publisher = new Publisher(writer, publishTimeoutMs, maxPending);
    writer.client.on('ready', () => publisher.resume());
    for (const { event, listener } of this.listeners) connections.on(event, listener);
    connections.open();
    return {
      connections,
      publisher,
      pending,
      inbox: new ReplyInbox(prefix, { reader, writer, pending }, publishTimeoutMs),
      served: new ServedStreams(writer.client),
    };
  }
}

interface Request {
  readonly link: Link;
  readonly pattern: string;
  readonly stream: string;
  readonly address: RequestAddress;
  readonly fields: readonly string[];
  publication: Publication | undefined;
  entryId: string | undefined;
  isCancelled?: boolean;
}

/** What Nest types as `any`: code that was written for another client of Nest's has to compile with this one. */
type Anything = Parameters<ClientProxy['send']>[0];

const isNil = (value: unknown): value is null | undefined => value === null || value === undefined;
