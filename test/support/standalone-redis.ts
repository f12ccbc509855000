import type { Redis } from 'ioredis';
import { RedisProcess } from './redis-process.js';
import type { RedisProcessOptions } from './redis-process.js';
import type { Address, TestTarget } from './test-target.js';

/** One server, without replicas. */
export class StandaloneRedis implements TestTarget {
  readonly servers: readonly RedisProcess[];
  readonly observers: readonly Redis[];

  private constructor(
    readonly process: RedisProcess,
    readonly observer: Redis,
  ) {
    this.servers = [process];
    this.observers = [observer];
  }

  static async start(options: RedisProcessOptions = {}): Promise<StandaloneRedis> {
    const process = await RedisProcess.start(options);
    return new StandaloneRedis(process, process.client());
  }

  get connection(): Address {
    return { host: this.process.host, port: this.process.port };
  }

  processOf(): RedisProcess {
    return this.process;
  }

  observerOf(): Redis {
    return this.observer;
  }

  connectionAs(username: string, password: string): Address & { username: string; password: string } {
    return { ...this.connection, username, password };
  }

  connectionThrough([proxy]: readonly [Address]): Address {
    return { host: proxy.host, port: proxy.port };
  }

  restart(): Promise<void> {
    return this.process.restart();
  }

  stop(): Promise<void> {
    return this.process.stop();
  }
}
