import { RedisStreamClient } from 'nestjs-redis-stream-transport';
import { setTimeout as pause } from 'node:timers/promises';
import { lastValueFrom, toArray } from 'rxjs';
import { Callers } from './callers.js';
import { connectionOver } from './connecting.js';
import { FLOW_NAMES, FLOWS, PUBLISH_TIMEOUT_MS, REQUEST_TIMEOUT_MS } from './flows.js';
import type { ChaosTask, FlowName } from './flows.js';
import type { Sending } from './ledger.js';
import { monotonicNow } from './notes.js';
import { outcomeOfError } from './outcome.js';
import { Random } from './random.js';
import type { Target } from './target.js';

/** Messages a second, by flow. The backlog is topped up instead. */
export type Rates = Readonly<Record<Exclude<FlowName, 'backlog'>, number>>;

export const RATES: Rates = { event: 100, request: 50, streamed: 1.5, flaky: 8, poison: 2, tick: 5, long: 4 };
/** Rates during an outage (`flaky`), and while dead letters cannot be stored (`poison`). */
const BURST: Partial<Rates> = { flaky: 100, poison: 250 };

const TICK_MS = 20;
/** More than the slots of all workers. */
const BACKLOG_DEPTH = 40;
const TOP_UP_EVERY_TICKS = 5;

/** Sends at its own rate, whatever the outcomes, and records the outcome of each message for its sender. */
export class Producer {
  readonly sent = new Map<number, Sending>();
  /** The reply stream of its client; callers of streamed replies may have others. */
  replyStream = '';
  private readonly open = new Set<Promise<void>>();
  private readonly client: RedisStreamClient;
  private readonly callers: Callers;
  private readonly randoms: Readonly<Record<FlowName, Random>>;
  private readonly owed = new Map<FlowName, number>();
  private failsUntil = 0;
  private poisonUntil = 0;
  private toppingUp = 0;
  private isLooking = false;
  private isOver = false;
  private next = 0;

  constructor(
    private readonly target: Target,
    seed: number,
    private readonly secret: string,
    private readonly rates: Partial<Rates> & { readonly backlog: boolean },
  ) {
    // One generator per flow: how often each one is used depends on the machine.
    this.randoms = Object.fromEntries(
      FLOW_NAMES.map((name, at) => [name, new Random(seed ^ (0x5eed + at * 0x9e37))]),
    ) as Record<FlowName, Random>;
    this.client = this.newClient();
    this.callers = new Callers(target, this.client, () => this.newClient(), this.randoms.streamed);
  }

  async connect(): Promise<void> {
    await this.client.connect();
    const keys = await Promise.all(this.target.observers.map((redis) => redis.keys('reply:*')));
    this.replyStream = keys.flat()[0] ?? '';
  }

  /** Makes events of the flow `flaky` fail for this time. */
  failFor(ms: number): void {
    this.failsUntil = monotonicNow() + ms;
  }

  /** Sends more events of the flow `poison` for this time. */
  poisonFor(ms: number): void {
    this.poisonUntil = monotonicNow() + ms;
  }

  async produce(until: number): Promise<void> {
    let last = performance.now();
    for (let tick = 0; performance.now() < until; tick++) {
      await pause(TICK_MS);
      const seconds = (performance.now() - last) / 1_000;
      last = performance.now();
      for (const [flow, rate] of Object.entries(this.rates) as [keyof Rates, number][]) {
        if (flow in FLOWS && flow in RATES) this.sendOwed(flow, this.rateOf(flow, rate) * seconds);
      }
      // Not awaited: a hung server must not delay the other flows.
      if (this.rates.backlog && tick % TOP_UP_EVERY_TICKS === 0) void this.topUp();
    }
    this.isOver = true;
  }

  /** Resolves when every call has an outcome. */
  async settled(): Promise<void> {
    while (this.open.size > 0) await Promise.all(this.open);
  }

  async close(): Promise<void> {
    await this.callers.close();
    await this.client.close();
  }

  private newClient(): RedisStreamClient {
    return new RedisStreamClient({
      connection: connectionOver(this.target.routeOf('producer')),
      option: { publishTimeout: PUBLISH_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS },
    });
  }

  private rateOf(flow: keyof Rates, rate: number): number {
    const until = flow === 'flaky' ? this.failsUntil : flow === 'poison' ? this.poisonUntil : 0;
    return monotonicNow() < until ? (BURST[flow] ?? rate) : rate;
  }

  private sendOwed(flow: FlowName, more: number): void {
    let owed = (this.owed.get(flow) ?? 0) + more;
    for (; owed >= 1; owed -= 1) this.send(flow);
    this.owed.set(flow, owed);
  }

  private async topUp(): Promise<void> {
    const { stream, groups } = FLOWS.backlog;
    if (this.isLooking) return;
    this.isLooking = true;
    const unread = await this.unreadOf(stream, groups[0])
      .catch(() => BACKLOG_DEPTH)
      .finally(() => (this.isLooking = false));
    if (this.isOver) return;
    // Entries on their way count as stored: otherwise the backlog would outgrow the workers while a link is stalled.
    for (let at = unread + this.toppingUp; at < BACKLOG_DEPTH; at++) this.send('backlog');
  }

  private async unreadOf(stream: string, group: string): Promise<number> {
    const redis = this.target.observerOf(stream);
    if (redis.status !== 'ready') return BACKLOG_DEPTH;
    const rows = (await redis.call('XINFO', 'GROUPS', stream)) as unknown[][];
    const row = rows.find((words) => words[1] === group) ?? [];
    const delivered = String(row[row.indexOf('last-delivered-id') + 1]);
    return (await redis.xrange(stream, `(${delivered}`, '+', 'COUNT', BACKLOG_DEPTH)).length;
  }

  private send(flow: FlowName): void {
    const n = this.next++;
    const task = this.taskOf(flow, n);
    const sentAt = monotonicNow();
    const note = (outcome: Omit<Sending, 'flow' | 'sentAt'>): void => {
      this.sent.set(n, { flow, sentAt, ...outcome });
    };
    if (flow === 'backlog') this.toppingUp++;
    const settled = this.call(flow, task)
      .then(note)
      .finally(() => {
        if (flow === 'backlog') this.toppingUp--;
        this.open.delete(settled);
      });
    this.open.add(settled);
  }

  private taskOf(flow: FlowName, n: number): ChaosTask {
    const random = this.randoms[flow];
    const task: ChaosTask = { n, holdMs: random.between(0, 30), secret: this.secret };
    switch (flow) {
      case 'event':
        return { ...task, stumbles: random.next() < 0.02 };
      case 'flaky':
        return { ...task, failsUntil: this.failsUntil };
      case 'backlog':
        return { ...task, holdMs: random.between(80, 120) };
      case 'long':
        return { ...task, holdMs: random.between(1_000, 2_500) };
      case 'request':
      case 'streamed':
      case 'poison':
      case 'tick':
        return task;
    }
  }

  private call(flow: FlowName, task: ChaosTask): Promise<Omit<Sending, 'flow' | 'sentAt'>> {
    if (flow === 'streamed') return this.callers.call(task);
    return flow === 'request' ? this.ask(task) : this.tell(FLOWS[flow].stream, task);
  }

  private async tell(stream: string, task: ChaosTask): Promise<Omit<Sending, 'flow' | 'sentAt'>> {
    const started = performance.now();
    const outcome = await lastValueFrom(this.client.emit(stream, task), { defaultValue: undefined }).then(
      () => ({ outcome: 'ok' as const }),
      outcomeOfError,
    );
    return { ...outcome, tookMs: performance.now() - started };
  }

  /** The right answer is the number of the message, once. */
  private async ask(task: ChaosTask): Promise<Omit<Sending, 'flow' | 'sentAt'>> {
    const started = performance.now();
    const answer = lastValueFrom(this.client.send<number>(FLOWS.request.stream, task).pipe(toArray()));
    const outcome = await answer.then((values) => {
      const isRight = values.length === 1 && values[0] === task.n;
      return { outcome: 'ok' as const, ...(!isRight && { wrongAnswer: JSON.stringify(values).slice(0, 100) }) };
    }, outcomeOfError);
    return { ...outcome, tookMs: performance.now() - started };
  }
}
