import { Logger } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { RedisStreamClient, RedisStreamError } from 'nestjs-redis-stream-transport';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { firstValueFrom, lastValueFrom } from 'rxjs';
import { CapturedLog } from '../../support/captured-log.js';
import { eventually } from '../../support/eventually.js';
import { FaultProxy } from '../../support/fault-proxy.js';
import { RedisProcess } from '../../support/redis-process.js';
import { WorkerProcess } from '../../support/worker-process.js';
import { judge, readNotes } from './ledger.js';
import type { Sending, Verdict } from './ledger.js';
import { planOf } from './nemesis.js';
import type { Deed, Victim } from './nemesis.js';
import { Random } from './random.js';
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

const FIXTURE = fileURLToPath(new URL('worker.ts', import.meta.url));
const GROUP = 'workers';
const EVENTS = 'chaos.event';
const REQUESTS = 'chaos.request';
const TICK_MS = 20;
const QUIET_WITHIN_MS = 30_000;
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
  private readonly faults: { what: string; from: number; to: number }[] = [];
  private readonly ledgers: string[] = [];
  private readonly log = new CapturedLog();
  private readonly lives: WorkerProcess[] = [];
  private readonly crew: (WorkerProcess | undefined)[] = [];
  private readonly boots = new Set<Promise<void>>();
  private readonly links = new Map<Victim, FaultProxy>();
  private redis!: RedisProcess;
  private raw!: Redis;
  private dir = '';
  private next = 0;

  private constructor(private readonly order: ChaosOrder) {
    this.random = new Random(order.seed ^ 0x5eed);
    this.secret = `payload-${order.seed}-${this.random.between(1e8, 1e9)}`;
  }

  static async run(order: ChaosOrder): Promise<Verdict> {
    const chaos = new Chaos(order);
    try {
      return await chaos.run();
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
    await this.untilQuiet();
    await client.close();
    const left = await this.whatIsLeft();
    await Promise.all(this.crew.flatMap((worker) => (worker ? [worker.end('SIGTERM')] : [])));
    return judge({
      sent: this.sent,
      notes: readNotes(this.ledgers),
      faults: this.faults,
      ...left,
      leftEntries: { ...left.leftEntries, [`consumers of ${EVENTS} that live`]: await this.consumersLeft() },
      printed: this.log.text() + this.lives.map(({ printed }) => printed).join('\n'),
      secret: this.secret,
      settleWithinMs: Math.max(2 * PUBLISH_TIMEOUT_MS, REQUEST_TIMEOUT_MS) + SLACK_MS,
    });
  }

  private async setUp(): Promise<void> {
    this.dir = await mkdtemp(join(tmpdir(), 'chaos-'));
    // `always`: what Redis confirmed is on the disk when it is killed.
    this.redis = await RedisProcess.start({ appendonly: true, args: ['--appendfsync', 'always'] });
    this.raw = this.redis.client();
    const links: Victim[] = [...Array.from({ length: this.workers }, (_, n) => n), 'producer'];
    for (const link of links) {
      const proxy = await FaultProxy.to(this.redis);
      proxy.keepUpstreamOnClientLoss = true;
      this.links.set(link, proxy);
    }
    await Promise.all(Array.from({ length: this.workers }, (_, at) => this.boot(at)));
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

  private async boot(at: number): Promise<void> {
    const ledger = join(this.dir, `${this.ledgers.length}.ndjson`);
    this.ledgers.push(ledger);
    // It may be gone before it comes to that.
    await writeFile(ledger, '');
    const worker = WorkerProcess.launch({ connection: this.connectionOf(at), option: OPTION, ledger }, FIXTURE);
    this.lives.push(worker);
    this.crew[at] = worker;
    await eventually(
      () => {
        if (!worker.exited && !worker.reports.some(({ fact }) => fact === 'ready')) throw new Error('not ready');
      },
      { within: QUIET_WITHIN_MS, every: 50 },
    );
  }

  private bootLater(at: number): void {
    const boot = this.boot(at).finally(() => this.boots.delete(boot));
    this.boots.add(boot);
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
      this.sent.set(n, { kind, sentAt: started, outcome, tookMs, ...(code !== undefined && { code }) });
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
    this.order.tell?.(JSON.stringify(deed));
    await this.perform(deed);
    this.faults.push({ what: deed.kind, from, to: Date.now() });
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
        return this.strikeWorker(deed);
      case 'reset':
      case 'blackhole':
      case 'swallow':
        return this.breakLink(deed, this.links.get(deed.link) as FaultProxy);
    }
  }

  private async strikeWorker(deed: Extract<Deed, { worker: number }>): Promise<void> {
    const worker = this.crew[deed.worker];
    switch (deed.kind) {
      case 'kill':
        await worker?.end('SIGKILL');
        return this.bootLater(deed.worker);
      case 'replace':
        // A deploy: the new one is there before the old one has to go.
        await this.boot(deed.worker);
        await worker?.end('SIGTERM');
        return;
      case 'freeze':
        worker?.signal('SIGSTOP');
        await pause(deed.ms);
        worker?.signal('SIGCONT');
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
    await Promise.all(this.boots);
  }

  private async untilQuiet(): Promise<void> {
    // What is not quiet by then shows in the ledger.
    await eventually(
      async () => {
        for (const stream of [EVENTS, REQUESTS]) {
          const left = (await this.pending(stream)) + (await this.unread(stream));
          if (left > 0) throw new Error(`${stream} has ${left} left`);
        }
      },
      { within: QUIET_WITHIN_MS, every: 100 },
    ).catch(() => undefined);
  }

  private async whatIsLeft(): Promise<{
    dead: number[];
    leftPending: number;
    leftEntries: Record<string, number>;
    leftReplyKeys: number;
  }> {
    const letters = [
      ...(await this.raw.xrange(`{${EVENTS}}:dead`, '-', '+')),
      ...(await this.raw.xrange(`{${REQUESTS}}:dead`, '-', '+')),
    ];
    const dead = letters.map(([, fields]) => (JSON.parse(String(fields[fields.indexOf('data') + 1])) as ChaosTask).n);
    return {
      dead,
      leftPending: (await this.pending(EVENTS)) + (await this.pending(REQUESTS)),
      leftEntries: {
        'requests that are settled': await this.raw.xlen(REQUESTS),
        'events nobody read': await this.unread(EVENTS),
      },
      leftReplyKeys: await eventually(async () => {
        const keys = await this.raw.keys('*reply:*');
        if (keys.length > 0) throw new Error('reply streams are left');
        return keys.length;
      }).catch(async () => (await this.raw.keys('*reply:*')).length),
    };
  }

  /** After an orderly stop of all: what is in the group are ghosts of those who were killed. */
  private async consumersLeft(): Promise<number> {
    const rows = (await this.raw.call('XINFO', 'CONSUMERS', EVENTS, GROUP)) as unknown[][];
    const pids = new Set(this.crew.flatMap((worker) => (worker ? [String(worker.pid)] : [])));
    const live = rows.filter((row) => [...pids].some((pid) => String(row[1]).split('-').includes(pid)));
    return live.length;
  }

  private async pending(stream: string): Promise<number> {
    return Number((await this.raw.xpending(stream, GROUP))[0]);
  }

  private async unread(stream: string): Promise<number> {
    const [group] = (await this.raw.call('XINFO', 'GROUPS', stream)) as unknown[][];
    const delivered = String(group?.[group.indexOf('last-delivered-id') + 1]);
    return (await this.raw.xrange(stream, `(${delivered}`, '+')).length;
  }

  private async tidy(): Promise<void> {
    for (const worker of this.lives) {
      worker.signal('SIGCONT');
      await worker.end('SIGKILL');
    }
    for (const link of this.links.values()) await link.close();
    await this.redis?.stop();
    if (this.dir) await rm(this.dir, { recursive: true, force: true });
  }
}
