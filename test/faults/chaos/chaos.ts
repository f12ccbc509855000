import { Logger } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { RedisStreamClient, RedisStreamError } from 'nestjs-redis-stream-transport';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { firstValueFrom, lastValueFrom } from 'rxjs';
import { CapturedLog } from '../../support/captured-log.js';
import { FaultProxy } from '../../support/fault-proxy.js';
import { RedisProcess } from '../../support/redis-process.js';
import { Crew } from './crew.js';
import { judge } from './ledger.js';
import type { Fault, Sending, Verdict } from './ledger.js';
import { planOf } from './nemesis.js';
import type { Deed, Victim } from './nemesis.js';
import { Random } from './random.js';
import { Remains } from './remains.js';
import type { ChaosTask } from './worker.js';

export interface ChaosOrder {
  readonly seed: number;
  readonly seconds: number;
  readonly workers?: number;
  readonly eventsPerSecond?: number;
  readonly requestsPerSecond?: number;
  /** All of them, when absent. */
  readonly deeds?: readonly Deed['kind'][];
  readonly tell?: (line: string) => void;
}

const GROUP = 'workers';
const EVENTS = 'chaos.event';
const REQUESTS = 'chaos.request';
const TICK_MS = 20;
/** What Redis confirmed is on the disk when it is killed; and it has not to read ten minutes of it when it is started. */
const REDIS_ARGUMENTS = ['--appendfsync', 'always', '--auto-aof-rewrite-min-size', '4mb'];
const PUBLISH_TIMEOUT_MS = 2_000;
const REQUEST_TIMEOUT_MS = 5_000;
const SLACK_MS = 1_500;
const OPTION = {
  lease: 1_000,
  sweepInterval: 200,
  block: 500,
  concurrency: 32,
  backoff: { delay: 50, maxDelay: 200 },
  // Nothing here is poison, so nothing may ever get that far.
  maxAttempts: 50,
  consumerTtl: 3_600_000,
};

/** A producer, some workers and a Redis, and a nemesis that breaks them for a while; then the ledger is held to the invariants. */
export class Chaos {
  private readonly random: Random;
  private readonly secret: string;
  private readonly sent = new Map<number, Sending>();
  private readonly open = new Set<Promise<void>>();
  private readonly faults: Fault[] = [];
  private readonly log = new CapturedLog();
  private readonly links = new Map<Victim, FaultProxy>();
  private crew!: Crew;
  private redis!: RedisProcess;
  private raw!: Redis;
  private dir = '';
  private next = 0;

  private constructor(private readonly order: ChaosOrder) {
    this.random = new Random(order.seed ^ 0x5eed);
    this.secret = `payload-${order.seed}-${this.random.between(1e8, 1e9)}`;
  }

  /** Where an invariant was violated, all notes and the data of Redis are kept. */
  static async run(order: ChaosOrder): Promise<Verdict & { keptIn?: string }> {
    const chaos = new Chaos(order);
    try {
      const verdict = await chaos.run();
      return verdict.violations.length > 0 ? { ...verdict, keptIn: await chaos.keep() } : verdict;
    } finally {
      await chaos.tidy();
    }
  }

  private get workers(): number {
    return this.order.workers ?? 3;
  }

  private async run(): Promise<Verdict> {
    Logger.overrideLogger(this.log);
    await this.setUp();
    const client = this.producer();
    await client.connect();
    const { seed, seconds, deeds } = this.order;
    const started = performance.now();
    const load = this.produce(client, started + seconds * 1_000);
    for (const { at, deed } of planOf(seed, seconds, this.workers, deeds)) {
      await pause(Math.max(0, started + at - performance.now()));
      if (performance.now() - started > seconds * 1_000) break;
      await this.commit(deed);
    }
    await load;
    await this.heal();
    await Promise.all(this.open);
    const remains = new Remains(this.raw, { group: GROUP, events: EVENTS, requests: REQUESTS });
    await remains.untilQuiet();
    await client.close();
    const left = await remains.look();
    await this.crew.stop();
    return judge({
      sent: this.sent,
      notes: this.crew.notes(),
      faults: this.faults,
      ...left,
      leftEntries: { ...left.leftEntries, ...(await remains.consumersOf(this.crew.pids)) },
      printed: this.log.text() + this.crew.printed,
      secret: this.secret,
      settleWithinMs: Math.max(2 * PUBLISH_TIMEOUT_MS, REQUEST_TIMEOUT_MS) + SLACK_MS,
    });
  }

  private async setUp(): Promise<void> {
    this.dir = await mkdtemp(join(tmpdir(), 'chaos-'));
    this.redis = await RedisProcess.start({ appendonly: true, args: REDIS_ARGUMENTS });
    this.raw = this.redis.client();
    const links: Victim[] = [...Array.from({ length: this.workers }, (_, n) => n), 'producer'];
    for (const link of links) {
      const proxy = await FaultProxy.to(this.redis);
      proxy.keepUpstreamOnClientLoss = true;
      this.links.set(link, proxy);
    }
    this.crew = new Crew(this.dir, (place) => ({ connection: this.connectionOf(place), option: OPTION }));
    await Promise.all(Array.from({ length: this.workers }, (_, place) => this.crew.boot(place)));
  }

  private producer(): RedisStreamClient {
    return new RedisStreamClient({
      connection: this.connectionOf('producer'),
      option: { publishTimeout: PUBLISH_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS },
    });
  }

  private connectionOf(link: Victim): { host: string; port: number } {
    const { host, port } = this.links.get(link) as FaultProxy;
    return { host, port };
  }

  private async produce(client: RedisStreamClient, until: number): Promise<void> {
    const { eventsPerSecond = 200, requestsPerSecond = 50 } = this.order;
    let owed = { events: 0, requests: 0 };
    let last = performance.now();
    while (performance.now() < until) {
      await pause(TICK_MS);
      const seconds = (performance.now() - last) / 1_000;
      last = performance.now();
      owed = {
        events: owed.events + eventsPerSecond * seconds,
        requests: owed.requests + requestsPerSecond * seconds,
      };
      for (; owed.events >= 1; owed.events -= 1) this.send(client, 'event');
      for (; owed.requests >= 1; owed.requests -= 1) this.send(client, 'request');
    }
  }

  private send(client: RedisStreamClient, kind: Sending['kind']): void {
    const n = this.next++;
    const task: ChaosTask = {
      n,
      holdMs: this.random.between(0, 30),
      stumbles: kind === 'event' && this.random.next() < 0.02,
      secret: this.secret,
    };
    const started = performance.now();
    const call =
      kind === 'event'
        ? lastValueFrom(client.emit(EVENTS, task), { defaultValue: undefined })
        : firstValueFrom(client.send<number>(REQUESTS, task));
    const note = (outcome: Sending['outcome'], code?: string): void => {
      const tookMs = performance.now() - started;
      this.sent.set(n, {
        kind,
        sentAt: performance.timeOrigin + started,
        outcome,
        tookMs,
        ...(code !== undefined && { code }),
      });
    };
    const settled = call
      .then(
        () => note('ok'),
        (error: unknown) => {
          if (!(error instanceof RedisStreamError)) return note('unknown', `untyped: ${String(error)}`);
          note(error.outcome === 'not-stored' ? 'failed' : 'unknown', error.code);
        },
      )
      .finally(() => this.open.delete(settled));
    this.open.add(settled);
  }

  private async commit(deed: Deed): Promise<void> {
    const from = Date.now();
    const what = JSON.stringify(deed);
    this.order.tell?.(what);
    const pid = 'worker' in deed ? this.crew.pidAt(deed.worker) : undefined;
    await this.perform(deed);
    const told = pid === undefined ? what : `${what} which was ${pid}`;
    this.faults.push({ what: deed.kind, told, from, to: Date.now() });
  }

  private async perform(deed: Deed): Promise<void> {
    switch (deed.kind) {
      case 'restart-redis':
        await this.redis.kill();
        await pause(deed.ms);
        return this.redis.restart();
      case 'kill-clients':
        await this.raw.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
        return;
      case 'flush-scripts':
        await this.raw.script('FLUSH');
        return;
      case 'kill':
      case 'replace':
      case 'freeze':
        return this.crew.strike(deed);
      case 'reset':
      case 'blackhole':
      case 'swallow':
        return this.breakLink(deed, this.links.get(deed.link) as FaultProxy);
    }
  }

  private async breakLink(deed: Extract<Deed, { link: Victim }>, link: FaultProxy): Promise<void> {
    switch (deed.kind) {
      case 'reset':
        return link.rst();
      case 'blackhole':
        link.set({ kind: 'blackhole', direction: deed.direction });
        await pause(deed.ms);
        return link.heal();
      case 'swallow':
        link.set({ kind: 'swallowReplies' });
        await pause(deed.ms);
        // A stream of replies with a hole in it is none: the sockets have to go.
        link.rst();
        link.heal();
    }
  }

  private async heal(): Promise<void> {
    for (const link of this.links.values()) link.heal();
    await this.crew.complete();
  }

  private async keep(): Promise<string> {
    const keptIn = await mkdtemp(join(tmpdir(), 'chaos-kept-'));
    await this.redis.kill();
    await cp(this.dir, keptIn, { recursive: true });
    await cp(this.redis.dir, join(keptIn, 'redis'), { recursive: true });
    await writeFile(join(keptIn, 'faults.ndjson'), this.faults.map((fault) => `${JSON.stringify(fault)}\n`).join(''));
    return keptIn;
  }

  private async tidy(): Promise<void> {
    await this.crew?.kill();
    for (const link of this.links.values()) await link.close();
    await this.redis?.stop();
    if (this.dir) await rm(this.dir, { recursive: true, force: true });
  }
}
