import type { Redis } from 'ioredis';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { RedisProcess } from '../../support/redis-process.js';
import type { Route } from './connecting.js';
import { Links } from './links.js';
import { ALL_INJECTIONS } from './injection-plan.js';
import type { Owner } from './injection-plan.js';
import type { ServerInjection, Target } from './target.js';

/** What Redis has confirmed survives a kill, and a restart does not replay minutes of AOF. */
const REDIS_ARGUMENTS = ['--appendfsync', 'always', '--auto-aof-rewrite-min-size', '4mb'];

/** One server, with a link for every connection to it. */
export class Standalone implements Target {
  readonly kinds = ALL_INJECTIONS;
  readonly observers: readonly Redis[];

  private constructor(
    private readonly redis: RedisProcess,
    private readonly links: Links,
  ) {
    this.observers = [redis.client()];
  }

  static async start(workers: number): Promise<Standalone> {
    const redis = await RedisProcess.start({ appendonly: true, args: REDIS_ARGUMENTS });
    return new Standalone(redis, await Links.to(redis, workers));
  }

  observerOf(): Redis {
    return this.observers[0] as Redis;
  }

  routeOf(owner: Owner): Route {
    return { host: this.redis.host, ports: this.links.portsOf(owner) };
  }

  async break(injection: ServerInjection): Promise<void> {
    if ('link' in injection) return this.links.break(injection);
    if (injection.kind !== 'restart-redis') throw new Error(`the standalone target does not support ${injection.kind}`);
    await this.redis.kill();
    await pause(injection.ms);
    return this.redis.restart();
  }

  heal(): void {
    this.links.heal();
  }

  async keep(dir: string): Promise<void> {
    await this.redis.kill();
    await cp(this.redis.dir, join(dir, 'redis'), { recursive: true });
  }

  async stop(): Promise<void> {
    await this.links.close();
    await this.redis.stop();
  }
}
