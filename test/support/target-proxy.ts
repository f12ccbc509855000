import type { RedisConnection } from 'nestjs-redis-stream-transport';
import { FaultProxy } from './fault-proxy.js';
import type { Fault } from './fault-proxy.js';
import type { TestTarget } from './test-target.js';

/** A fault proxy in front of each server of a target; a fault applies to all of them. */
export class TargetProxy {
  private constructor(
    /** Leads through the proxies. */
    readonly connection: RedisConnection,
    private readonly proxies: readonly FaultProxy[],
  ) {}

  static async to(target: TestTarget): Promise<TargetProxy> {
    const proxies = await Promise.all(target.servers.map((server) => FaultProxy.to(server)));
    return new TargetProxy(target.connectionThrough(proxies), proxies);
  }

  /** Number of connected clients. */
  get connections(): number {
    return this.proxies.reduce((sum, { connections }) => sum + connections, 0);
  }

  /** When a client's socket closes, the servers still get what the client sent: replies are lost, not commands. */
  keepUpstreamOnClientLoss(): void {
    for (const proxy of this.proxies) proxy.keepUpstreamOnClientLoss = true;
  }

  set(fault: Fault): void {
    for (const proxy of this.proxies) proxy.set(fault);
  }

  heal(): void {
    for (const proxy of this.proxies) proxy.heal();
  }

  rst(): void {
    for (const proxy of this.proxies) proxy.rst();
  }

  async close(): Promise<void> {
    await Promise.all(this.proxies.map((proxy) => proxy.close()));
  }
}
