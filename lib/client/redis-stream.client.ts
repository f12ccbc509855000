import { Logger } from '@nestjs/common';
import type { OnApplicationShutdown } from '@nestjs/common';
import { ClientProxy } from '@nestjs/microservices';
import type { ReadPacket, WritePacket } from '@nestjs/microservices';
import { Observable } from 'rxjs';
import { encodeMessage } from '../codec/entry.codec.js';
import { TransportClosedError } from '../errors/transport-errors.js';
import type { RedisClient } from '../interfaces/connection.js';
import type { ConnectionListeners, TransportStatus } from '../interfaces/events.js';
import type { RedisStreamClientOptions } from '../options/options.js';
import { Topology } from '../topology/topology.js';
import { resolveClientOptions } from '../options/settings.js';
import type { ClientSettings } from '../options/settings.js';
import { ClientRuntime } from './client-runtime.js';
import { OutgoingRequest } from './outgoing-request.js';
import type { Question } from './outgoing-request.js';
import { PacketCodec } from './packet.codec.js';
import { UnobservedFailures } from './unobserved-failures.js';

/**
 * Nest's `ClientProxy` on Redis Streams. Connects on first use and stays connected until `close()`.
 *
 * `send()` is cold, as in Nest: each subscription is a separate request. `emit()` is hot: the event is on its way when
 * the call returns.
 */
export class RedisStreamClient extends ClientProxy<ConnectionListeners> implements OnApplicationShutdown {
  private readonly logger = new Logger(RedisStreamClient.name);
  private readonly settings: ClientSettings;
  private readonly codec: PacketCodec;
  private readonly topology: Topology;
  private readonly unobserved = new UnobservedFailures((line) => this.logger.error(line));
  private readonly listeners: { event: string; listener: (...args: unknown[]) => void }[] = [];
  private runtime: ClientRuntime | undefined;
  /** Resolves when every `close()` so far is done. */
  private closing: Promise<void> = Promise.resolve();
  private readonly informed = new Set<string>();

  /** @throws {RedisStreamOptionError} */
  constructor(options: RedisStreamClientOptions) {
    super();
    this.settings = resolveClientOptions(options);
    this.codec = new PacketCodec(this.settings);
    this.topology = new Topology(this.settings.prefix);
    this.initializeSerializer(this.settings);
    this.initializeDeserializer(this.settings);
  }

  /** The worst status of all connections; replays the latest. */
  override get status(): Observable<TransportStatus> {
    return super.status as Observable<TransportStatus>;
  }

  /**
   * Resolves when messages can be sent and replies received. Not needed before `send` or `emit`.
   * @throws {TransportUnavailableError} after `option.connectTimeout`; a later call may succeed
   * @throws {TransportClosedError} if `close()` is called in the meantime and Redis cannot be reached
   */
  async connect(): Promise<void> {
    await this.open().connect(this.settings.connectTimeoutMs);
  }

  /**
   * Unanswered requests fail with `TransportClosedError` and are cancelled on their servers. Events that were emitted
   * before are still written if Redis is up or comes up within 400 ms; otherwise they fail. Then the connections are
   * closed. This takes milliseconds, or about two seconds if Redis does not answer. `close()` may be called any number
   * of times, and the client can be used again afterwards.
   */
  close(): Promise<void> {
    const { runtime, closing } = this;
    if (!runtime) return closing;
    this.runtime = undefined;
    return (this.closing = Promise.all([closing, this.end(runtime)]).then(() => undefined));
  }

  /** For clients from a provider factory; `ClientsModule` assigns `close` to this hook itself. */
  onApplicationShutdown(): Promise<void> {
    return this.close();
  }

  override on<Event extends keyof ConnectionListeners>(event: Event, listener: ConnectionListeners[Event]): void {
    const registration = { event, listener: listener as (...args: unknown[]) => void };
    this.listeners.push(registration);
    this.runtime?.connections.on(registration.event, registration.listener);
  }

  /** The ioredis clients: `[publisher, inbox]`. @throws {Error} before the first use */
  override unwrap<T = [publisher: RedisClient, inbox: RedisClient]>(): T {
    if (!this.runtime) throw new Error('Not initialized. Please call the "connect" method first.');
    return this.runtime.connections.clients as T;
  }

  override send<TResult = Anything, TInput = Anything>(pattern: unknown, data: TInput): Observable<TResult> {
    // Nest also refuses null; here null is data like any other.
    if (isNil(pattern) || data === undefined) return super.send(pattern, data);
    return new Observable<TResult>((observer) =>
      this.publish(this.packet(pattern, data), this.createObserver(observer)),
    );
  }

  override emit<TResult = Anything, TInput = Anything>(pattern: unknown, data: TInput): Observable<TResult> {
    if (isNil(pattern) || data === undefined) return super.emit(pattern, data);
    let observed = false;
    const dispatched = new Promise<TResult>((resolve, reject) => {
      // Inside the executor, so that an error from the dispatch hook also rejects.
      this.dispatchEvent<TResult>(this.packet(pattern, data)).then(resolve, reject);
    });
    dispatched.catch((error: Error) => {
      if (!observed) this.unobserved.add(error);
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
      const request = new OutgoingRequest(this.open(), this.codec, this.question(packet), callback);
      request.start();
      return () => request.cancel();
    } catch (error) {
      callback({ err: error });
      return () => undefined;
    }
  }

  protected dispatchEvent<T = unknown>(packet: ReadPacket): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const { stream, message } = this.question(packet);
      this.open().publisher.publish({
        stream,
        fields: encodeMessage(message),
        stored: () => resolve(undefined as T),
        failed: reject,
      });
    });
  }

  private async end(runtime: ClientRuntime): Promise<void> {
    await runtime.close(new TransportClosedError('unknown'));
    this.unobserved.flush();
  }

  private packet(pattern: unknown, data: unknown): ReadPacket {
    const packet: ReadPacket = { pattern, data };
    this.onDispatchHook?.(packet);
    return packet;
  }

  private question(packet: ReadPacket): Question {
    const pattern = this.normalizePattern(packet.pattern as string);
    return { pattern, stream: this.topology.streamToWrite(pattern), ...this.codec.encode(packet) };
  }

  private open(): ClientRuntime {
    return (this.runtime ??= this.connectRuntime());
  }

  /** Logs a message once, even if the client is closed and used again. */
  private inform(message: string): void {
    if (this.informed.has(message)) return;
    this.informed.add(message);
    this.logger.log(message);
  }

  private connectRuntime(): ClientRuntime {
    const runtime = new ClientRuntime(this.settings, {
      statusChanged: (status) => this._status$.next(status),
      failed: (role, error) => this.logger.error(`Redis connection "${role}": ${error.message}`),
      recovered: (role) => this.logger.log(`Redis connection "${role}" is back`),
      listenerFailed: (error) => this.logger.error(error),
      informed: (message) => this.inform(message),
    });
    for (const { event, listener } of this.listeners) runtime.connections.on(event, listener);
    runtime.connections.open();
    return runtime;
  }
}

/** Nest's `any`: code that was written for another Nest client has to compile with this one. */
type Anything = Parameters<ClientProxy['send']>[0];

const isNil = (value: unknown): value is null | undefined => value === null || value === undefined;
