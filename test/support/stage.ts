import type { INestMicroservice, Type } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { RedisStreamClient, RedisStreamServer } from 'nestjs-redis-stream-transport';
import { CapturedLog } from './captured-log.js';
import { eventually, outcomeOf } from './eventually.js';
import { connectedClients, expectNoClients, expectNoLeaks, expectNoReplyKeys, openResources } from './leak-check.js';
import type { ResourceCount } from './leak-check.js';
import { createApp } from './nest-app.js';
import type { AppParts } from './nest-app.js';
import { RedisProcess } from './redis-process.js';
import type { RedisProcessOptions } from './redis-process.js';

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

/**
 * One real Redis per spec file, empty at the start of each test. After a test the stage closes everything the test
 * started through it, and fails the test if a connection, a reply key, a socket or a timer is left.
 */
export class Stage {
  readonly log = new CapturedLog();
  redis!: RedisProcess;
  /** The test's own connection. */
  raw!: Redis;
  private readonly closers: (() => unknown)[] = [];
  private baseline: ResourceCount = {};

  constructor(private readonly options: RedisProcessOptions) {}

  get connection(): { host: string; port: number } {
    return { host: this.redis.host, port: this.redis.port };
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
      option: { consumerGroup: 'service', ...setting.option },
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

  /** Waits until exactly this many readers are in a read. */
  async untilReading(readers = 1): Promise<void> {
    await eventually(async () => {
      const blocked = (await connectedClients(this.raw)).filter((line) => line.includes('cmd=xreadgroup'));
      expect(blocked).toHaveLength(readers);
    });
  }

  /** Makes Redis close all client connections except `raw`. */
  async killConnections(): Promise<void> {
    await this.raw.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  }

  async open(): Promise<void> {
    this.redis = await RedisProcess.start(this.options);
    this.raw = this.redis.client();
    await this.raw.ping();
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
      await expectNoClients(this.raw);
      await expectNoReplyKeys(this.raw);
      await expectNoLeaks(this.baseline);
    } finally {
      await this.raw.flushall();
    }
  }

  async shut(): Promise<void> {
    await this.redis.stop();
  }
}

/** Sets up a stage for a spec file. */
export function useStage(options: RedisProcessOptions = {}): Stage {
  const stage = new Stage(options);
  beforeAll(() => stage.open());
  beforeEach(() => stage.begin());
  afterEach(() => stage.end());
  afterAll(() => stage.shut());
  return stage;
}
