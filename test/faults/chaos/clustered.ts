import type { Redis } from 'ioredis';
import { setTimeout as pause } from 'node:timers/promises';
import { RedisCluster } from '../../support/redis-cluster.js';
import type { Route } from './connecting.js';
import { CLUSTER_INJECTIONS } from './injection-plan.js';
import type { ServerInjection, Target } from './target.js';

/** Three masters; an injection stops one of them at a time. */
export class Clustered implements Target {
  readonly kinds = CLUSTER_INJECTIONS;

  private constructor(private readonly cluster: RedisCluster) {}

  static async start(): Promise<Clustered> {
    return new Clustered(await RedisCluster.start(3));
  }

  get observers(): readonly Redis[] {
    return this.cluster.observers;
  }

  observerOf(key: string): Redis {
    return this.cluster.observerOf(key);
  }

  routeOf(): Route {
    return this.cluster.connection;
  }

  async break(injection: ServerInjection): Promise<void> {
    if (injection.kind !== 'stop-master') throw new Error(`the cluster target does not support ${injection.kind}`);
    const master = this.cluster.processOf(injection.stream);
    master.pause();
    await pause(injection.ms);
    master.resume();
  }

  heal(): void {
    // `break()` resumes the master that it stopped.
  }

  async keep(): Promise<void> {
    // The notes say enough about what the masters held.
  }

  async stop(): Promise<void> {
    await this.cluster.stop();
  }
}
