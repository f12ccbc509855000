import type { Redis } from 'ioredis';
import { setTimeout as pause } from 'node:timers/promises';
import { RedisCluster } from '../../support/redis-cluster.js';
import type { Route } from './connecting.js';
import { CLUSTER_DEEDS } from './nemesis.js';
import type { ServerDeed, Target } from './target.js';

/** Three masters, one of which stands still now and then. */
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
    if (deed.kind !== 'stop-master') throw new Error(`a cluster cannot suffer ${deed.kind} here`);
    const master = this.cluster.processOf(deed.stream);
    master.pause();
    await pause(deed.ms);
    master.resume();
  }

  heal(): void {
    // A master that was stopped goes on when its deed is over.
  }

  async keep(): Promise<void> {
    // What the masters held is in the notes, as far as it is of use.
  }

  async stop(): Promise<void> {
    await this.cluster.stop();
  }
}
