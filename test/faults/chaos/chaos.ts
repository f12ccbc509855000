import { Logger } from '@nestjs/common';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { CapturedLog } from '../../support/captured-log.js';
import { Clustered } from './clustered.js';
import { Crew } from './crew.js';
import { LEASE_MS, SWEEP_MS } from './flows.js';
import { judge } from './judge.js';
import type { Verdict } from './ledger.js';
import { planOf } from './nemesis.js';
import type { DeedKind } from './nemesis.js';
import { Producer, RATES } from './producer.js';
import type { Rates } from './producer.js';
import { Pulse } from './pulse.js';
import { Random } from './random.js';
import { Remains } from './remains.js';
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
  /** @default all deeds that the target supports */
  readonly deeds?: readonly DeedKind[];
  /** Milliseconds between two deeds, on average. @default 1_000 */
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

/** Runs a producer, workers and Redis while a nemesis breaks them, then checks the ledger against the invariants. */
export class Chaos {
  private readonly secret: string;
  private readonly log = new CapturedLog();
  private readonly withAudit: boolean;
  private readonly workers: number;
  private target: Target | undefined;
  private crew: Crew | undefined;
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
    const crew = (this.crew = await this.startCrew(target));
    const producer = this.startProducer(target);
    const injector = (this.injector = new FaultInjector(target, crew, producer, this.order.tell));
    const watch = new Watch(target, this.withAudit);
    const pulse = new Pulse(target);
    await producer.connect();
    watch.start();
    pulse.start();
    await this.struggle(injector, producer);
    target.heal();
    await crew.complete();
    await producer.settled();
    const remains = new Remains(target, this.withAudit);
    await remains.untilQuiet();
    const sightings = await watch.stop();
    await pulse.stop();
    await producer.close();
    const left = await remains.look();
    const crashed = crew.crashed.length;
    await crew.stop();
    return judge({
      sent: producer.sent,
      notes: crew.notes(),
      faults: injector.faults,
      hiccups: pulse.hiccups,
      deaths: crew.deaths,
      sightings,
      ...left,
      leftEntries: {
        ...left.leftEntries,
        ...(await remains.consumersOf(crew.pids)),
        'workers that exited on their own': crashed,
      },
      printed: this.log.text() + crew.printed,
      secret: this.secret,
      producerPid: process.pid,
    });
  }

  private startTarget(): Promise<Target> {
    return this.order.target === 'cluster' ? Clustered.start() : Standalone.start(this.workers);
  }

  private async startCrew(target: Target): Promise<Crew> {
    this.dir = await mkdtemp(join(tmpdir(), 'chaos-'));
    const audit = this.withAudit;
    const crew = new Crew(this.dir, (place) => ({
      connection: {},
      route: target.routeOf(place),
      option: OPTION,
      audit,
    }));
    await Promise.all(Array.from({ length: this.workers }, (_, place) => crew.boot(place)));
    return crew;
  }

  private startProducer(target: Target): Producer {
    const { seed, rates, backlog = true } = this.order;
    return new Producer(target, seed, this.secret, { ...RATES, ...rates, backlog });
  }

  private async struggle(injector: FaultInjector, producer: Producer): Promise<void> {
    const { seconds, deeds = this.target?.kinds } = this.order;
    const started = performance.now();
    const load = producer.produce(started + seconds * 1_000);
    for (const { at, deed } of planOf({ ...this.order, workers: this.workers, deeds })) {
      await pause(Math.max(0, started + at - performance.now()));
      if (performance.now() - started > seconds * 1_000) break;
      await injector.commit(deed);
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
    await writeFile(join(keptIn, 'printed.txt'), this.crew?.printed ?? '');
    return keptIn;
  }

  private async tidy(): Promise<void> {
    await this.crew?.kill();
    await this.target?.stop();
    if (this.dir) await rm(this.dir, { recursive: true, force: true });
  }
}
