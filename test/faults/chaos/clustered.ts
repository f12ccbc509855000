import type { Redis } from 'ioredis';
import { setTimeout as pause } from 'node:timers/promises';
import { RedisCluster } from '../../support/redis-cluster.js';
import type { Route } from './connecting.js';
import { CLUSTER_DEEDS } from './nemesis.js';
import type { ServerDeed, Target } from './target.js';

/** Three masters; the nemesis stops one of them at a time. */
export class Clustered implements Target {
  readonly kinds = CLUSTER_DEEDS;

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

  async break(deed: ServerDeed): Promise<void> {
    if (deed.kind !== 'stop-master') throw new Error(`the cluster target does not support ${deed.kind}`);
    const master = this.cluster.processOf(deed.stream);
    master.pause();
    await pause(deed.ms);
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
