import type { Redis } from 'ioredis';
import type { RedisClusterConnection } from 'nestjs-redis-stream-transport';
import { hashSlot } from '../../lib/topology/keys.js';
import { freePort } from '../../scripts/free-port.js';
import { eventually } from './eventually.js';
import { RedisProcess } from './redis-process.js';
import type { Address, TestTarget } from './test-target.js';

const SLOTS = 16_384;
const JOINED_WITHIN_MS = 20_000;

interface Master {
  readonly process: RedisProcess;
  /** Port of the cluster bus. */
  readonly busPort: number;
  readonly observer: Redis;
}

/** A cluster of real masters without replicas. When one is down, the others keep serving their slots. */
export class RedisCluster implements TestTarget {
  private constructor(private readonly masters: readonly Master[]) {}

  static async start(size = 3): Promise<RedisCluster> {
    const masters = await Promise.all(Array.from({ length: size }, startMaster));
    const cluster = new RedisCluster(masters);
    await cluster.join();
    return cluster;
  }

  get connection(): { nodes: Address[] } {
    return { nodes: this.servers.map(({ host, port }) => ({ host, port })) };
  }

  get servers(): readonly RedisProcess[] {
    return this.masters.map(({ process }) => process);
  }

  get observers(): readonly Redis[] {
    return this.masters.map(({ observer }) => observer);
  }

  /** The server of a key, unless its slot was moved. */
  processOf(key: string): RedisProcess {
    return this.masterOf(key).process;
  }

  observerOf(key: string): Redis {
    return this.masterOf(key).observer;
  }

  connectionAs(username: string, password: string): RedisClusterConnection {
    return { ...this.connection, options: { redisOptions: { username, password } } };
  }

  connectionThrough(proxies: readonly Address[]): RedisClusterConnection {
    const addresses = proxies.map(({ host, port }) => ({ host, port }));
    const natMap = Object.fromEntries(
      this.servers.map(({ host, port }, index) => [`${host}:${port}`, addresses[index] as Address]),
    );
    return { nodes: addresses, options: { natMap } };
  }

  async restart(key: string): Promise<void> {
    await this.processOf(key).restart();
    await this.whole();
  }

  /** Moves the slot of a key to another server. The slot must be empty. */
  async moveSlotOf(key: string): Promise<void> {
    const next = this.masters.find((master) => master !== this.masterOf(key)) as Master;
    const nextId = String(await next.observer.call('CLUSTER', 'MYID'));
    for (const { observer } of [next, ...this.masters]) {
      await observer.call('CLUSTER', 'SETSLOT', hashSlot(key), 'NODE', nextId);
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.masters.map(({ process }) => process.stop()));
  }

  private masterOf(key: string): Master {
    return this.masters[Math.floor((hashSlot(key) * this.masters.length) / SLOTS)] as Master;
  }

  private async join(): Promise<void> {
    const [first, ...others] = this.masters as [Master, ...Master[]];
    const share = SLOTS / this.masters.length;
    for (const [index, { observer }] of this.masters.entries()) {
      const [from, to] = [Math.ceil(index * share), Math.ceil((index + 1) * share) - 1];
      await observer.call('CLUSTER', 'ADDSLOTSRANGE', from, to);
    }
    const { host, port } = first.process;
    for (const { observer } of others) await observer.call('CLUSTER', 'MEET', host, port, first.busPort);
    await this.whole();
  }

  /** Resolves when each master knows that all slots are served. */
  private async whole(): Promise<void> {
    await eventually(
      async () => {
        for (const { observer } of this.masters) {
          const info = String(await observer.call('CLUSTER', 'INFO'));
          // Does not use Jest's `expect`: scripts start clusters, too.
          const isWhole = info.includes('cluster_state:ok') && info.includes(`cluster_slots_ok:${SLOTS}`);
          if (!isWhole) throw new Error(`the cluster is not whole yet:\n${info}`);
        }
      },
      { within: JOINED_WITHIN_MS, every: 50 },
    );
  }
}

async function startMaster(): Promise<Master> {
  const busPort = await freePort();
  const settings = { enabled: 'yes', port: busPort, 'node-timeout': 1_000, 'require-full-coverage': 'no' };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--cluster-${name}`, String(value)]);
  const process = await RedisProcess.start({ appendonly: true, args });
  return { process, busPort, observer: process.client() };
}
