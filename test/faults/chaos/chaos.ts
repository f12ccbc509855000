import { Logger } from '@nestjs/common';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { CapturedLog } from '../../support/captured-log.js';
import { Clustered } from './clustered.js';
import { WorkerPool } from './worker-pool.js';
import { LEASE_MS, SWEEP_MS } from './flows.js';
import { check } from './checker.js';
import type { Verdict } from './ledger.js';
import { planOf } from './injection-plan.js';
import type { InjectionKind } from './injection-plan.js';
import { Producer, RATES } from './producer.js';
import type { Rates } from './producer.js';
import { ServerProbe } from './server-probe.js';
import { Random } from './random.js';
import { Leftovers } from './leftovers.js';
import { FaultInjector } from './fault-injector.js';
import { Standalone } from './standalone.js';
import type { Target } from './target.js';
import { Watch } from './watch.js';

export type TargetName = 'standalone' | 'cluster';

export interface ChaosOrder {
  readonly seed: number;
  readonly seconds: number;
  /** @default 'standalone' */
  readonly target?: TargetName;
  readonly workers?: number;
  /** Messages a second by flow, instead of the defaults; 0 leaves a flow out. */
  readonly rates?: Partial<Rates>;
  /** @default all injections that the target supports */
  readonly injections?: readonly InjectionKind[];
  /** Milliseconds between two injections, on average. @default 1_000 */
  readonly everyMs?: number;
  /** Whether a second group reads the requests. @default true */
  readonly audit?: boolean;
  /** Whether one stream always has more entries than slots. @default true */
  readonly backlog?: boolean;
  readonly tell?: (line: string) => void;
}

const OPTION = {
  lease: LEASE_MS,
  sweepInterval: SWEEP_MS,
  block: 500,
  concurrency: 32,
  backoff: { delay: 50, maxDelay: 200 },
  // So high that faults alone never make a dead letter.
  maxAttempts: 50,
  consumerTtl: 3_600_000,
  shutdownTimeout: 4_000,
};

/** Runs a producer, workers and Redis while faults are injected, then checks the ledger against the invariants. */
export class Chaos {
  private readonly secret: string;
  private readonly log = new CapturedLog();
  private readonly withAudit: boolean;
  private readonly workers: number;
  private target: Target | undefined;
  private pool: WorkerPool | undefined;
  private injector: FaultInjector | undefined;
  private dir = '';

  private constructor(private readonly order: ChaosOrder) {
    this.secret = `payload-${order.seed}-${new Random(order.seed ^ 0x5eed).between(1e8, 1e9)}`;
    this.withAudit = order.audit ?? true;
    this.workers = order.workers ?? 3;
  }

  /** After a violation, `keptIn` is a folder with all notes and, for a standalone target, the data of Redis. */
  static async run(order: ChaosOrder): Promise<Verdict & { keptIn?: string }> {
    const chaos = new Chaos(order);
    try {
      const verdict = await chaos.run();
      return verdict.violations.length > 0 ? { ...verdict, keptIn: await chaos.keep(verdict) } : verdict;
    } finally {
      await chaos.tidy();
    }
  }

  private async run(): Promise<Verdict> {
    Logger.overrideLogger(this.log);
    const target = (this.target = await this.startTarget());
    const pool = (this.pool = await this.startPool(target));
    const producer = this.startProducer(target);
    const injector = (this.injector = new FaultInjector(target, pool, producer, this.order.tell));
    const watch = new Watch(target, this.withAudit);
    const probe = new ServerProbe(target);
    await producer.connect();
    watch.start();
    probe.start();
    await this.struggle(injector, producer);
    target.heal();
    await pool.complete();
    await producer.settled();
    const leftovers = new Leftovers(target, this.withAudit);
    await leftovers.untilQuiet();
    const sightings = await watch.stop();
    await probe.stop();
    await producer.close();
    const left = await leftovers.look();
    const crashed = pool.crashed.length;
    await pool.stop();
    return check({
      sent: producer.sent,
      notes: pool.notes(),
      faults: injector.faults,
      hiccups: probe.hiccups,
      deaths: pool.deaths,
      sightings,
      ...left,
      leftEntries: {
        ...left.leftEntries,
        ...(await leftovers.consumersOf(pool.pids)),
        'workers that exited on their own': crashed,
      },
      printed: this.log.text() + pool.printed,
      secret: this.secret,
      producerPid: process.pid,
    });
  }

  private startTarget(): Promise<Target> {
    return this.order.target === 'cluster' ? Clustered.start() : Standalone.start(this.workers);
  }

  private async startPool(target: Target): Promise<WorkerPool> {
    this.dir = await mkdtemp(join(tmpdir(), 'chaos-'));
    const audit = this.withAudit;
    const pool = new WorkerPool(this.dir, (place) => ({
      connection: {},
      route: target.routeOf(place),
      option: OPTION,
      audit,
    }));
    await Promise.all(Array.from({ length: this.workers }, (_, place) => pool.boot(place)));
    return pool;
  }

  private startProducer(target: Target): Producer {
    const { seed, rates, backlog = true } = this.order;
    return new Producer(target, seed, this.secret, { ...RATES, ...rates, backlog });
  }

  private async struggle(injector: FaultInjector, producer: Producer): Promise<void> {
    const { seconds, injections = this.target?.kinds } = this.order;
    const started = performance.now();
    const load = producer.produce(started + seconds * 1_000);
    for (const { at, injection } of planOf({ ...this.order, workers: this.workers, injections })) {
      await pause(Math.max(0, started + at - performance.now()));
      if (performance.now() - started > seconds * 1_000) break;
      await injector.inject(injection);
    }
    await load;
  }

  private async keep({ violations }: Verdict): Promise<string> {
    const keptIn = await mkdtemp(join(tmpdir(), 'chaos-kept-'));
    await cp(this.dir, keptIn, { recursive: true });
    await this.target?.keep(keptIn);
    const faults = (this.injector?.faults ?? []).map((fault) => `${JSON.stringify(fault)}\n`);
    await writeFile(join(keptIn, 'faults.ndjson'), faults.join(''));
    await writeFile(join(keptIn, 'violations.txt'), violations.join('\n'));
    await writeFile(join(keptIn, 'printed.txt'), this.pool?.printed ?? '');
    return keptIn;
  }

  private async tidy(): Promise<void> {
    await this.pool?.kill();
    await this.target?.stop();
    if (this.dir) await rm(this.dir, { recursive: true, force: true });
  }
}
