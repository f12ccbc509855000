import { setTimeout as delay } from 'node:timers/promises';
import type { Brokers } from './brokers/brokers.js';
import { Child } from './child.js';
import type { Setup } from './contender.js';
import type { Load } from './loads/load.js';
import type { Role } from './messages.js';
import type { Figures } from './workload.js';

const START_LIMIT_MS = 60_000;
const DRIVE_LIMIT_MS = 15 * 60_000;
const TALLY_EVERY_MS = 20;

/** CPU time in microseconds since each process was started, user and system together. */
export interface CpuTimes {
  readonly client: number;
  readonly server: number;
  readonly broker: number;
}

/** The processes of one turn of one contender: starts what a workload requires and ends all of it. */
export class Stage {
  private readonly servers: Child[] = [];
  private readonly idle: Child[] = [];
  private client: Child | undefined;
  /** Events awaited so far. */
  private expected = 0;

  constructor(
    private readonly role: Role,
    readonly brokers: Brokers,
  ) {}

  /** Starts one client and `servers` servers; resolves when all are ready for traffic. */
  async start(setup: Setup = {}, servers = 1): Promise<void> {
    const started = Array.from({ length: servers }, () => new Child('server'));
    this.servers.push(...started);
    this.client = new Child('client');
    for (const server of started) await this.serve(server, setup);
    await this.client.ask({ kind: 'call', role: this.role, callers: 1 }, START_LIMIT_MS);
  }

  async addServer(setup: Setup): Promise<void> {
    const server = new Child('server');
    this.servers.push(server);
    await this.serve(server, setup);
  }

  /** Adds callers that connect but send nothing. All run in one process, whose CPU time is not counted. */
  async addIdleCallers(callers: number): Promise<void> {
    if (callers === 0) return;
    const child = new Child('client');
    this.idle.push(child);
    await child.ask({ kind: 'call', role: this.role, callers }, START_LIMIT_MS);
  }

  drive(load: Load): Promise<Figures> {
    return this.driver.ask({ kind: 'drive', load }, DRIVE_LIMIT_MS);
  }

  /**
   * Waits until the servers have together handled `more` further events; resolves with that moment, in milliseconds of
   * the wall clock.
   * @throws {Error} if that takes longer than `limitMs`
   */
  async handled(more: number, limitMs = 120_000): Promise<number> {
    const expected = (this.expected += more);
    const end = performance.now() + limitMs;
    for (;;) {
      const tallies = await Promise.all(this.servers.map((server) => server.ask({ kind: 'tally' }, START_LIMIT_MS)));
      const handled = tallies.reduce((sum, tally) => sum + (tally['handled'] ?? 0), 0);
      if (handled >= expected) return Math.max(...tallies.map((tally) => tally['handledAt'] ?? NaN));
      if (performance.now() > end)
        throw new Error(`Only ${handled} of ${expected} events were handled within ${limitMs} ms`);
      await delay(TALLY_EVERY_MS);
    }
  }

  async cpuTimes(): Promise<CpuTimes> {
    const [client, ...servers] = await Promise.all(
      [this.driver, ...this.servers].map((child) => this.usageOf(child, false)),
    );
    return {
      client: client?.['cpuUs'] ?? NaN,
      server: servers.reduce((sum, usage) => sum + (usage['cpuUs'] ?? NaN), 0),
      broker: await this.brokers.cpuUs(),
    };
  }

  /** Bytes that Redis, the server and the client hold after a garbage collection. */
  async memory(): Promise<Figures> {
    const [client, server] = await Promise.all(
      [this.driver, ...this.servers].map((child) => this.usageOf(child, true)),
    );
    return {
      redis: await this.brokers.redisBytes(),
      serverHeap: server?.['heapBytes'] ?? NaN,
      serverRss: server?.['rssBytes'] ?? NaN,
      clientHeap: client?.['heapBytes'] ?? NaN,
      clientRss: client?.['rssBytes'] ?? NaN,
    };
  }

  /** Kills the server that was started first and restarts the count: the others have handled nothing so far. */
  async killServer(): Promise<void> {
    this.expected = 0;
    await this.servers.shift()?.kill();
  }

  /** Closes clients first, so that no caller loses its server. */
  async close(): Promise<void> {
    const clients = this.client ? [...this.idle, this.client] : this.idle;
    await Promise.all(clients.map((child) => child.close()));
    await Promise.all(this.servers.map((child) => child.close()));
  }

  private get driver(): Child {
    if (!this.client) throw new Error('No client has been started');
    return this.client;
  }

  private async serve(server: Child, setup: Setup): Promise<void> {
    await server.ask({ kind: 'serve', role: this.role, setup }, START_LIMIT_MS);
  }

  private usageOf(child: Child, collectGarbage: boolean): Promise<Figures> {
    return child.ask({ kind: 'usage', collectGarbage }, START_LIMIT_MS);
  }
}
