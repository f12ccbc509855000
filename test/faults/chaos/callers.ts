import type { RedisStreamClient } from 'nestjs-redis-stream-transport';
import { eventually } from '../../support/eventually.js';
import { FLOWS } from './flows.js';
import type { ChaosTask } from './flows.js';
import type { Leaving, Sending } from './ledger.js';
import { monotonicNow } from './notes.js';
import { outcomeOfError } from './outcome.js';
import type { Random } from './random.js';
import type { Target } from './target.js';

type Outcome = Omit<Sending, 'flow' | 'sentAt'>;

interface Plan {
  /** If absent, the caller stays until the end. */
  readonly leaving?: Leaving;
  /** Number of values in the reply, or after which the caller leaves. */
  readonly values: number;
}

/** Callers of streamed replies. Some receive the whole reply; most leave in the middle of an endless one. */
export class Callers {
  private readonly cutOff = new Set<RedisStreamClient>();

  constructor(
    private readonly target: Target,
    private readonly shared: RedisStreamClient,
    private readonly newClient: () => RedisStreamClient,
    private readonly random: Random,
  ) {}

  async call(task: ChaosTask): Promise<Outcome> {
    const plan = this.plan();
    const isOwn = plan.leaving === 'closed' || plan.leaving === 'cut off';
    const client = isOwn ? this.newClient() : this.shared;
    const values = plan.leaving ? 0 : plan.values;
    const call = new StreamedCall(client, { ...task, values }, plan.values);
    await call.over;
    if (plan.leaving && call.isOpen) await this.leave(call, plan.leaving, client, task.n);
    if (plan.leaving === 'cut off' && isOwn) this.cutOff.add(client);
    else if (isOwn) await client.close();
    return call.outcome(plan.leaving);
  }

  async close(): Promise<void> {
    await Promise.all([...this.cutOff].map((client) => client.close()));
  }

  private plan(): Plan {
    const chance = this.random.next();
    const values = this.random.between(3, 40);
    if (chance < 0.3) return { values };
    return { values, leaving: chance < 0.65 ? 'unsubscribed' : chance < 0.85 ? 'closed' : 'cut off' };
  }

  private async leave(call: StreamedCall, leaving: Leaving, client: RedisStreamClient, n: number): Promise<void> {
    if (leaving !== 'cut off') call.left();
    if (leaving === 'unsubscribed') call.unsubscribe();
    else if (leaving === 'closed') await client.close();
    else {
      for (const connection of client.unwrap()) connection.disconnect();
      // Otherwise its reply stream would exist for another minute.
      await eventually(() => this.expireReplies(n), { every: 50 }).catch(() => undefined);
      call.left();
    }
  }

  private async expireReplies(n: number): Promise<void> {
    const { stream } = FLOWS.streamed;
    const entries = await this.target.observerOf(stream).xrange(stream, '-', '+');
    for (const [, fields] of entries) {
      const [data, inbox] = [fields[fields.indexOf('data') + 1], fields[fields.indexOf('reply') + 1]];
      const isIts = (JSON.parse(String(data)) as ChaosTask).n === n;
      if (isIts) await this.target.observerOf(`reply:${inbox}`).del(`reply:${inbox}`);
    }
  }
}

/** One call, its values and how it ended. */
class StreamedCall {
  readonly over: Promise<void>;
  isOpen = true;
  private readonly received: string[] = [];
  private firstValueAt: number | undefined;
  private leftAt: number | undefined;
  private end: Pick<Sending, 'outcome' | 'code'> | 'complete' | undefined;
  private lastAt = performance.now();
  private longestWaitMs = 0;
  private readonly subscription: { unsubscribe(): void };

  /** @param wanted number of values of an endless reply after which `over` resolves; it always resolves at the end */
  constructor(
    client: RedisStreamClient,
    private readonly task: ChaosTask,
    wanted: number,
  ) {
    let resolve: () => void = () => undefined;
    this.over = new Promise((settle) => (resolve = settle));
    const finish = (end: NonNullable<StreamedCall['end']>): void => {
      if (this.leftAt !== undefined) return;
      this.progressed();
      this.isOpen = false;
      this.end = end;
      resolve();
    };
    this.subscription = client.send<string>(FLOWS.streamed.stream, task).subscribe({
      next: (value) => {
        if (this.leftAt !== undefined) return;
        this.progressed();
        this.firstValueAt ??= monotonicNow();
        this.received.push(value);
        if (task.values === 0 && this.received.length >= wanted) resolve();
      },
      error: (error: unknown) => finish(outcomeOfError(error)),
      complete: () => finish('complete'),
    });
  }

  left(): void {
    this.leftAt = monotonicNow();
  }

  unsubscribe(): void {
    this.subscription.unsubscribe();
  }

  outcome(leaving: Leaving | undefined): Outcome {
    const about = {
      tookMs: this.longestWaitMs,
      ...(this.firstValueAt !== undefined && { firstValueAt: this.firstValueAt }),
      ...this.wrong(),
    };
    if (this.leftAt !== undefined && leaving) return { ...about, outcome: 'ok', leftAt: this.leftAt, leaving };
    if (this.end === 'complete' || this.end === undefined) return { ...about, outcome: 'ok' };
    return { ...about, ...this.end, leftAt: monotonicNow(), leaving: 'failed' };
  }

  private progressed(): void {
    const now = performance.now();
    this.longestWaitMs = Math.max(this.longestWaitMs, now - this.lastAt);
    this.lastAt = now;
  }

  /** What is wrong with the values: they have to be those of one run, complete and in order, each once. */
  private wrong(): Pick<Sending, 'wrongAnswer'> {
    const { received, task } = this;
    const run = received[0]?.split(' ')[0];
    const at = received.findIndex((value, seq) => value !== `${run} ${seq}`);
    if (at >= 0) return { wrongAnswer: `value ${at} is "${received[at]}" after "${received[at - 1] ?? ''}"` };
    if (this.end !== 'complete' || (task.values !== 0 && received.length === task.values)) return {};
    return { wrongAnswer: `the end after ${received.length} of ${task.values || 'endless'} values` };
  }
}
