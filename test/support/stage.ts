import type { INestMicroservice, Type } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { RedisStreamClient, RedisStreamServer } from 'nestjs-redis-stream-transport';
import { freePort } from '../../scripts/free-port.js';
import { CapturedLog } from './captured-log.js';
import { eventually, outcomeOf } from './eventually.js';
import { connectedClients, expectNoClients, expectNoLeaks, expectNoReplyKeys, openResources } from './leak-check.js';
import type { ResourceCount } from './leak-check.js';
import { createApp } from './nest-app.js';
import type { AppParts } from './nest-app.js';
import type { RedisProcess, RedisProcessOptions } from './redis-process.js';
import { StandaloneRedis } from './standalone-redis.js';
import { TargetProxy } from './target-proxy.js';
import type { TestTarget } from './test-target.js';

export type ServerOptions = ConstructorParameters<typeof RedisStreamServer>[0];
export type ClientOptions = ConstructorParameters<typeof RedisStreamClient>[0];
type ServerOption = Partial<NonNullable<ServerOptions['option']>>;
type ClientOption = NonNullable<ClientOptions['option']>;

export interface Service {
  readonly app: INestMicroservice;
  readonly server: RedisStreamServer;
  readonly close: () => Promise<void>;
}

export interface ServiceSetting extends AppParts {
  readonly option?: ServerOption;
  readonly connection?: ServerOptions['connection'];
  readonly prepare?: (app: INestMicroservice, server: RedisStreamServer) => void;
}

const STARTED_WITHIN_MS = 30_000;

/**
 * One target of real Redis servers per spec file, empty at the start of each test. After a test the stage closes
 * everything the test started through it, and fails the test if a connection, a reply key, a socket or a timer is left.
 */
export class TargetStage<Target extends TestTarget = TestTarget> {
  readonly log = new CapturedLog();
  target!: Target;
  private readonly closers: (() => unknown)[] = [];
  private baseline: ResourceCount = {};

  /** @param defaults options of every server, unless a test sets them */
  constructor(
    private readonly start: () => Promise<Target>,
    readonly defaults: ServerOption = {},
  ) {}

  get connection(): Target['connection'] {
    return this.target.connection;
  }

  /** The test's own connection to the server of a key. */
  at(key: string): Redis {
    return this.target.observerOf(key);
  }

  /** Does the same on each server, by the test's own connections. */
  everywhere<T>(act: (redis: Redis) => Promise<T>): Promise<T[]> {
    return Promise.all(this.target.observers.map((redis) => act(redis)));
  }

  /** The matching keys of all servers. */
  async keys(pattern = '*'): Promise<string[]> {
    return (await this.everywhere((redis) => redis.keys(pattern))).flat();
  }

  /** Creates an ACL user on all servers, for the rest of the test. Returns the connection option of that user. */
  async login(name: string, ...rules: string[]): Promise<ClientOptions['connection']> {
    await this.everywhere((redis) => redis.call('ACL', 'SETUSER', name, 'reset', 'on', '>pw', '~*', '&*', ...rules));
    this.owns(() => this.everywhere((redis) => redis.call('ACL', 'DELUSER', name)));
    return this.target.connectionAs(name, 'pw');
  }

  /** Puts a proxy in front of each server, for the rest of the test. */
  async proxied(): Promise<TargetProxy> {
    const proxy = await TargetProxy.to(this.target);
    this.owns(() => proxy.close());
    return proxy;
  }

  /** Starts a service with these handlers and waits until it listens. */
  async serve(handlers: Type[], setting: ServiceSetting = {}): Promise<Service> {
    const service = await this.prepare(handlers, setting);
    await service.app.listen();
    return service;
  }

  /** Like `serve`, but does not listen. */
  async prepare(handlers: Type[], setting: ServiceSetting = {}): Promise<Service> {
    const server = new RedisStreamServer({
      connection: setting.connection ?? this.connection,
      option: { consumerGroup: 'service', ...this.defaults, ...setting.option },
    });
    const app = await createApp(
      server,
      { ...setting, controllers: handlers },
      { log: this.log, prepare: (created) => setting.prepare?.(created, server) },
    );
    return { app, server, close: this.owns(() => app.close()) };
  }

  client(option: ClientOption = {}, connection: ClientOptions['connection'] = this.connection): RedisStreamClient {
    const client = new RedisStreamClient({ connection, option });
    this.owns(() => client.close());
    return client;
  }

  /** Registers a closer that runs after the test, last in first out, unless the test has called it already. */
  owns(close: () => unknown): () => Promise<void> {
    let closing: Promise<void> | undefined;
    const once = (): Promise<void> => (closing ??= Promise.resolve(close()).then(() => undefined));
    this.closers.push(once);
    return once;
  }

  /** A connection option of the same kind that leads nowhere. */
  async unreachable(): Promise<ClientOptions['connection']> {
    const ports = await Promise.all(this.target.servers.map(() => freePort()));
    return this.target.connectionThrough(ports.map((port) => ({ host: '127.0.0.1', port })));
  }

  /** Waits until exactly this many readers are in a read. */
  async untilReading(readers = 1): Promise<void> {
    await eventually(async () => {
      const clients = (await this.everywhere(connectedClients)).flat();
      expect(clients.filter((line) => line.includes('cmd=xreadgroup'))).toHaveLength(readers);
    });
  }

  /** Makes each server close all client connections except that of its observer. */
  async killConnections(): Promise<void> {
    await this.everywhere((redis) => redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'));
  }

  async open(): Promise<void> {
    this.target = await this.start();
    await this.everywhere((redis) => redis.ping());
  }

  begin(): void {
    this.log.clear();
    this.baseline = openResources();
  }

  async end(): Promise<void> {
    const failures: unknown[] = [];
    for (const close of this.closers.splice(0).toReversed()) {
      const outcome = await outcomeOf(Promise.resolve().then(close));
      if ('error' in outcome) failures.push(outcome.error);
    }
    try {
      if (failures.length > 0) throw new AggregateError(failures, `closing failed: ${failures.map(String).join('; ')}`);
      await this.everywhere(expectNoClients);
      await this.everywhere(expectNoReplyKeys);
      await expectNoLeaks(this.baseline);
    } finally {
      await this.everywhere((redis) => redis.flushall());
    }
  }

  async shut(): Promise<void> {
    await this.target.stop();
  }
}

/** The stage of a spec file about one server. */
export class Stage extends TargetStage<StandaloneRedis> {
  get redis(): RedisProcess {
    return this.target.process;
  }

  /** The test's own connection. */
  get raw(): Redis {
    return this.target.observer;
  }
}

/** Sets up a stage with one server for a spec file. */
export function useStage(options: RedisProcessOptions = {}): Stage {
  return withHooks(new Stage(() => StandaloneRedis.start(options)));
}

/** Sets up a stage with any target for a spec file. */
export function useTarget<Target extends TestTarget>(
  start: () => Promise<Target>,
  defaults: ServerOption = {},
): TargetStage<Target> {
  return withHooks(new TargetStage(start, defaults));
}

function withHooks<T extends TargetStage>(stage: T): T {
  beforeAll(() => stage.open(), STARTED_WITHIN_MS);
  beforeEach(() => stage.begin());
  afterEach(() => stage.end());
  afterAll(() => stage.shut());
  return stage;
}
