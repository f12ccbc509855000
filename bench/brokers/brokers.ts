import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from '../../scripts/free-port.js';
import { startRedis, type RunningRedis } from '../../scripts/redis-server.js';
import type { Place } from '../contender.js';
import { startNatsServer, type NatsServer } from './nats-server.js';

export interface BrokerOptions {
  /** Run Redis with an append-only file, synced every second. */
  readonly appendonly: boolean;
  readonly nats: boolean;
}

/** The servers that messages go through: one Redis for all contenders, and a NATS server if one is installed. */
export class Brokers {
  /** Connection for what a workload writes to Redis or reads from it. */
  readonly observer: Redis;

  private constructor(
    private readonly redis: RunningRedis,
    private readonly nats: NatsServer | undefined,
  ) {
    this.observer = new Redis({ host: '127.0.0.1', port: redis.port });
  }

  static async start({ appendonly, nats }: BrokerOptions): Promise<Brokers> {
    const directory = mkdtempSync(join(tmpdir(), 'redis-bench-'));
    process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
    const redis = await startRedis({ dir: directory, appendonly, allowToy: false, ownGroup: false });
    return new Brokers(redis, nats ? await startNatsServer() : undefined);
  }

  get hasNats(): boolean {
    return this.nats !== undefined;
  }

  /** Where the next turn takes place, with an emptied Redis. */
  async place(): Promise<Place> {
    await this.observer.flushall();
    return { redisPort: this.redis.port, freePort: await freePort(), natsPort: this.nats?.port };
  }

  async cpuUs(): Promise<number> {
    const used = await this.redisInfo('cpu');
    const redisUs = (Number(used('used_cpu_user')) + Number(used('used_cpu_sys'))) * 1_000_000;
    return redisUs + (this.nats?.cpuUs() ?? 0);
  }

  async redisBytes(): Promise<number> {
    return Number((await this.redisInfo('memory'))('used_memory'));
  }

  /** Human-readable versions by name. */
  async versions(): Promise<Record<string, string>> {
    const server = await this.redisInfo('server');
    const { appendonly = 'no' } = (await this.observer.config('GET', 'appendonly')) as { appendonly?: string };
    const durability = appendonly === 'yes' ? 'append-only file synced every second' : 'nothing on disk';
    return {
      Redis: `${server('redis_version')} (${durability})`,
      ...(this.nats && { 'NATS server': this.nats.version }),
    };
  }

  async stop(): Promise<void> {
    this.observer.disconnect();
    await Promise.all([this.redis.stop('SIGKILL'), this.nats?.stop()]);
  }

  private async redisInfo(section: string): Promise<(field: string) => string> {
    const info = await this.observer.info(section);
    return (field) => new RegExp(`^${field}:(\\S+)`, 'm').exec(info)?.[1] ?? '';
  }
}
