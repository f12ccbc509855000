import { setTimeout as delay } from 'node:timers/promises';
import type { Brokers } from './brokers/brokers.js';
import { Child } from './child.js';
import type { Setup } from './contender.js';
import type { Figures } from './figures.js';
import type { Load } from './loads.js';
import type { Role } from './messages.js';

const DRIVE_LIMIT_MS = 15 * 60_000;
const TALLY_EVERY_MS = 20;

/** The processes of one turn of one contender: starts what a workload requires and ends all of it. */
export class Stage {
  private readonly servers: Child[] = [];
  /** The first one sends; the others are connected and idle, and their CPU time is not counted. */
  private readonly clients: Child[] = [];
  /** Events awaited so far. */
  private expected = 0;

  constructor(
    private readonly role: Role,
    readonly brokers: Brokers,
  ) {}

  /** Starts one client and `servers` servers; resolves when all are ready for traffic. */
  async start(setup: Setup = {}, servers = 1): Promise<void> {
    const client = this.add(this.clients);
    await Promise.all(Array.from({ length: servers }, () => this.addServer(setup)));
    await client.ask({ kind: 'call', role: this.role, callers: 1 });
  }

  async addServer(setup: Setup): Promise<void> {
    await this.add(this.servers).ask({ kind: 'serve', role: this.role, setup });
  }

  /** Adds callers that connect but send nothing, all in one process. */
  async addIdleCallers(callers: number): Promise<void> {
    if (callers > 0) await this.add(this.clients).ask({ kind: 'call', role: this.role, callers });
  }

  drive(load: Load): Promise<Figures> {
    return this.driver.ask({ kind: 'drive', load }, DRIVE_LIMIT_MS);
  }

  /** The figures of a run, with the CPU time of client, servers and brokers per message of it. */
  async measured(run: () => Promise<Figures>): Promise<Figures> {
    const before = await this.cpuTimes();
    const figures = await run();
    const after = await this.cpuTimes();
    const { messages = NaN } = figures;
    const [cpuClient = NaN, cpuServer = NaN, cpuBroker = NaN] = after.map(
      (us, at) => (us - (before[at] ?? NaN)) / messages,
    );
    return { ...figures, cpu: cpuClient + cpuServer + cpuBroker, cpuClient, cpuServer, cpuBroker };
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
      const tallies = await Promise.all(this.servers.map((server) => server.ask({ kind: 'tally' })));
      const handled = tallies.reduce((sum, tally) => sum + (tally['handled'] ?? 0), 0);
      if (handled >= expected) return Math.max(...tallies.map((tally) => tally['handledAt'] ?? NaN));
      if (performance.now() > end)
        throw new Error(`Only ${handled} of ${expected} events were handled within ${limitMs} ms`);
      await delay(TALLY_EVERY_MS);
    }
  }

  /** Bytes that Redis, the server and the client hold after a garbage collection. */
  async memory(): Promise<Figures> {
    const [client, server] = await this.usage(true);
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
    for (const children of [this.clients, this.servers]) await Promise.all(children.map((child) => child.close()));
  }

  private get driver(): Child {
    const [client] = this.clients;
    if (!client) throw new Error('No client has been started');
    return client;
  }

  private add(children: Child[]): Child {
    const child = new Child();
    children.push(child);
    return child;
  }

  /** Microseconds of client, servers and brokers since each was started, user and system together. */
  private async cpuTimes(): Promise<number[]> {
    const [client = NaN, ...servers] = (await this.usage(false)).map(({ cpuUs = NaN }) => cpuUs);
    return [client, servers.reduce((sum, us) => sum + us, 0), await this.brokers.cpuUs()];
  }

  /** Of the client, then of each server. */
  private usage(collectGarbage: boolean): Promise<Figures[]> {
    return Promise.all([this.driver, ...this.servers].map((child) => child.ask({ kind: 'usage', collectGarbage })));
  }
}
