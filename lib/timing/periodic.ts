export interface PeriodicRules<Target> {
  readonly everyMs: number;
  /** Targets of the task, called at each turn. */
  readonly targets: () => Iterable<Target>;
  readonly task: (target: Target) => Promise<void>;
  /** Whether a turn makes sense now; otherwise it is skipped. */
  readonly isPossible?: () => boolean;
  readonly failed?: (target: Target, error: unknown) => void;
}

/**
 * Runs a task for each target at a fixed interval. Targets are independent: one whose task fails or hangs does not
 * delay the others. No target has two runs of the task at the same time.
 */
export class Periodic<Target> {
  private readonly underWay = new Map<Target, Promise<void>>();
  private timer: NodeJS.Timeout | undefined;
  private isStopped = false;

  constructor(private readonly rules: PeriodicRules<Target>) {}

  targets(): Iterable<Target> {
    return this.rules.targets();
  }

  /** The first turn comes after `everyMs`. */
  start(): void {
    if (!this.isStopped) this.timer ??= setInterval(() => this.turn(), this.rules.everyMs).unref();
  }

  /** Starts a turn at once, in addition to the regular ones. */
  turn(): void {
    if (this.isStopped || this.rules.isPossible?.() === false) return;
    for (const target of this.rules.targets()) void this.run(target);
  }

  /** Runs the task for one target now, or joins the run in progress. Never rejects. */
  run(target: Target): Promise<void> {
    if (this.isStopped) return Promise.resolve();
    let run = this.underWay.get(target);
    if (!run) {
      run = this.attempt(target).finally(() => this.underWay.delete(target));
      this.underWay.set(target, run);
    }
    return run;
  }

  /** Starts no more tasks. Resolves when the running tasks are done; the caller limits the wait. */
  async stop(): Promise<void> {
    this.isStopped = true;
    clearInterval(this.timer);
    await Promise.all(this.underWay.values());
  }

  private async attempt(target: Target): Promise<void> {
    try {
      await this.rules.task(target);
    } catch (error) {
      this.rules.failed?.(target, error);
    }
  }
}
