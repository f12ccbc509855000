import { Logger } from '@nestjs/common';
import { Server } from '@nestjs/microservices';
import type { CustomTransportStrategy, MessageHandler } from '@nestjs/microservices';
import type { Observable } from 'rxjs';
import { REDIS_STREAM_TRANSPORT } from '../constants.js';
import { RedisStreamErrorInterceptor } from '../context/error.interceptor.js';
import type { RedisClient } from '../interfaces/connection.js';
import type { ServerListeners, TransportStatus } from '../interfaces/events.js';
import type { RedisStreamServerOptions } from '../options/options.js';
import { resolveServerOptions } from '../options/settings.js';
import type { ServerSettings } from '../options/settings.js';
import { ConnectionGroup } from '../redis/connection-group.js';
import { Topology } from '../topology/topology.js';
import { isThenable } from '../timing/thenable.js';
import { describeGroups, logEvents } from './server-log.js';
import { ServerRuntime } from './server-runtime.js';
import type { ProcessingHooks } from './running/entry-run.js';
import { ServerEventEmitter } from './holding/server-events.js';
import { GroupStream } from './holding/group-stream.js';
import { HandlerRoutes } from './handler-routes.js';

const NO_INTERCEPTOR =
  'Nest masks what a handler throws: the transport sees only "Internal server error". To get the original error in dead letters and in `isRetriable`, add app.useGlobalInterceptors(new RedisStreamErrorInterceptor()).';

/**
 * The server side of the transport: each pattern is a stream. One consumer of every group runs each entry, and acks it
 * when its handler has completed.
 */
export class RedisStreamServer extends Server<ServerListeners> implements CustomTransportStrategy {
  override transportId: symbol = REDIS_STREAM_TRANSPORT;
  /** Makes Nest 12 leave failures of event handlers to this server, so that they are not logged twice. */
  override readonly propagatesEventHandlerErrors: boolean = true;

  protected override readonly logger = new Logger(RedisStreamServer.name);
  private readonly settings: ServerSettings;
  private readonly routes: HandlerRoutes;
  private readonly events = new ServerEventEmitter((error) => this.logger.error(error));
  private readonly connectionListeners: { event: string; listener: (...args: unknown[]) => void }[] = [];
  /** Nest has both hooks since 11.1.6; Nest 12 only adds helpers around them. */
  private readonly processingHooks: ProcessingHooks = {
    started: (context, run) => {
      const failed = (error: unknown): void => {
        this.logger.error(error);
        run.hookFailed(error);
      };
      try {
        const { startHook } = this;
        const result: unknown = startHook ? startHook(this.transportId, context, () => run.work()) : run.work();
        if (isThenable(result)) result.then(undefined, failed);
      } catch (error) {
        failed(error);
      }
    },
    ended: (context) => {
      try {
        this.onProcessingEndHook?.(this.transportId, context);
      } catch (error) {
        this.logger.error(error);
      }
    },
  };
  private connections: ConnectionGroup | undefined;
  private runtime: ServerRuntime | undefined;
  private closing: Promise<void> | undefined;

  /** @throws {RedisStreamOptionError} for a missing, unknown or invalid option */
  constructor(options: RedisStreamServerOptions) {
    super();
    this.settings = resolveServerOptions(options);
    this.routes = new HandlerRoutes(this.settings);
    this.events.on('deadLettered', this.settings.onDeadLetter);
    logEvents(this.events, this.logger);
    this.initializeSerializer(this.settings);
    this.initializeDeserializer(this.settings);
  }

  /** The worst state of all connections. A new subscriber gets the latest one at once. */
  override get status(): Observable<TransportStatus> {
    return super.status as Observable<TransportStatus>;
  }

  override addHandler(
    pattern: unknown,
    callback: MessageHandler,
    isEventHandler = false,
    extras: Record<string, unknown> = {},
  ): void {
    const normalized = this.normalizePattern(pattern as string);
    this.routes.add(normalized, callback, isEventHandler, extras);
    // Other code reads Nest's map. A second handler of an event stays out: Nest would chain it, and it would run twice.
    if (!this.messageHandlers.has(normalized)) super.addHandler(pattern, callback, isEventHandler, extras);
    else Object.assign(callback, { isEventHandler, extras });
  }

  /**
   * Connects, creates the groups, starts reading, then calls back: messages sent from then on are handled. Calls back
   * with an error when Redis cannot be reached within `option.connectTimeout`, is too old, or refuses a group.
   */
  async listen(callback: (error?: unknown) => void): Promise<void> {
    try {
      await this.start();
    } catch (error) {
      await this.close();
      callback(error);
      return;
    }
    callback();
  }

  /**
   * Stops reading, lets running handlers finish within `option.shutdownTimeout`, settles their entries, hands back the
   * entries that have not started, and closes the connections. Can be called at any time, any number of times.
   */
  close(): Promise<void> {
    return (this.closing ??= this.stop().finally(() => (this.closing = undefined)));
  }

  /**
   * Does what `close()` does, but keeps the connections open. With `enableShutdownHooks()`, or in a hybrid application,
   * Nest runs every `onModuleDestroy` before it closes the server: a provider that closes its pool there must await
   * this first.
   */
  async drain(): Promise<void> {
    await this.runtime?.drain();
  }

  /** Listens to the events of the connections (first argument: the role) and to {@link ServerEvents}. */
  override on<Event extends keyof ServerListeners>(event: Event, listener: ServerListeners[Event]): void {
    const registration = { event, listener: listener as (...args: unknown[]) => void };
    this.connectionListeners.push(registration);
    this.connections?.on(registration.event, registration.listener);
    this.events.on(event as never, listener as never);
  }

  /** The ioredis clients: `[writer, ...readers]`. @throws {Error} before `listen()` */
  override unwrap<T = RedisClient[]>(): T {
    if (!this.connections) {
      throw new Error(
        'Not initialized. Please call the "listen"/"startAllMicroservices" method before accessing the server.',
      );
    }
    return this.connections.clients as T;
  }

  /** Undefined before Nest 11.1.6. */
  private get startHook(): typeof this.onProcessingStartHook | undefined {
    return this.onProcessingStartHook;
  }

  private async start(): Promise<void> {
    // A server that was drained but not closed still has its connections.
    if (this.connections) await this.stop();
    const { settings } = this;
    const connections = new ConnectionGroup(settings.connection, settings.blockMs, {
      statusChanged: (status) => this._status$.next(status),
      failed: (role, error) => this.logger.error(`Redis connection "${role}": ${error.message}`),
      recovered: (role) => this.logger.log(`Redis connection "${role}" is back`),
      listenerFailed: (error) => this.logger.error(error),
    });
    const streams = this.groupStreams();
    const runtime = new ServerRuntime(streams, settings, connections, {
      events: this.events,
      hooks: this.processingHooks,
      info: (message) => this.logger.log(message),
      warn: (message) => this.logger.warn(message),
      failed: (error) => this.logger.error(error),
    });
    this.connections = connections;
    this.runtime = runtime;
    for (const { event, listener } of this.connectionListeners) connections.on(event, listener);
    await connections.ready(settings.connectTimeoutMs);
    await runtime.start();
    this.introduce(streams);
  }

  private introduce(streams: readonly GroupStream[]): void {
    for (const line of describeGroups(streams, this.settings)) this.logger.log(line);
    for (const name of this.routes.strangeExtras)
      this.logger.warn(`The handler extra \`${name}\` is unknown to this transport and ignored`);
    const hasEvents = streams.some(({ route }) => route.eventHandlers.length > 0);
    if (hasEvents && !RedisStreamErrorInterceptor.isInUse) this.logger.log(NO_INTERCEPTOR);
  }

  private async stop(): Promise<void> {
    const { runtime, connections } = this;
    this.runtime = undefined;
    this.connections = undefined;
    await runtime?.drain();
    await connections?.close();
  }

  private groupStreams(): GroupStream[] {
    const { prefix, consumer } = this.settings;
    const topology = new Topology(prefix);
    return this.routes.all.flatMap((route) =>
      topology.streamsToRead(route.pattern).map((stream) => new GroupStream(stream, consumer, route)),
    );
  }
}
