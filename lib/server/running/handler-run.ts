import type { MessageHandler } from '@nestjs/microservices';
import { isObservable, Subscriber } from 'rxjs';
import type { Subscription } from 'rxjs';
import type { RedisStreamContext } from '../../context/redis-stream.context.js';
import { isUnrecoverable } from '../../errors/unrecoverable.error.js';
import type { Deadline, DeadlineWheel } from '../../timing/deadline-wheel.js';
import { isThenable } from '../../timing/thenable.js';
import type { FailedRun, RunOutcome } from '../settling/settlement.js';

const DONE: RunOutcome = { kind: 'done' };

/** Receives what the handlers of one message produce. */
export interface HandlerSink {
  value(value: unknown): void;
  /** Called once, unless the run was abandoned. */
  ended(outcome: RunOutcome): void;
  /** Called once after an abandoned run, when the last promise of its handlers has settled. */
  quiet(): void;
}

export interface HandlerRules {
  readonly isRetriable: (error: unknown) => boolean;
  /** Calls each added function when it falls due. */
  readonly deadlines: DeadlineWheel<() => void>;
  /** A teardown that throws is a bug in the handler: reported, with no other effect. */
  readonly teardownFailed: (error: unknown) => void;
}

/**
 * Runs all handlers of one message to the end of whatever they return. In Nest `await handler()` never rejects: a
 * failure arrives as an Observable that errors, so only the end of that Observable shows the outcome.
 */
export class HandlerRun {
  private open = 0;
  private isOver = false;
  private failure: RunOutcome | undefined;
  private subscriptions: Set<Subscription> | undefined;
  private deadline: Deadline | undefined;

  constructor(
    private readonly rules: HandlerRules,
    private readonly context: RedisStreamContext,
    private readonly sink: HandlerSink,
  ) {}

  /** @param timeoutMs after which the run counts as failed; 0 = never */
  start(handlers: readonly MessageHandler[], data: unknown, timeoutMs: number): void {
    this.open = handlers.length;
    if (timeoutMs > 0) this.deadline = this.rules.deadlines.add(() => this.expire(timeoutMs), timeoutMs);
    for (const handler of handlers) this.call(handler, data);
  }

  /** Unsubscribes from what is still running. True if nothing is left running; otherwise `quiet` follows. */
  abandon(): boolean {
    this.isOver = true;
    this.deadline?.cancel();
    const { subscriptions } = this;
    this.subscriptions = undefined;
    for (const subscription of subscriptions ?? []) this.unsubscribe(subscription);
    return this.open === 0;
  }

  private call(handler: MessageHandler, data: unknown): void {
    let result: unknown;
    try {
      result = handler(data, this.context);
    } catch (error) {
      this.fail(error);
      return;
    }
    if (isThenable(result)) {
      // A thenable of another library may call back more than once.
      const promise = result instanceof Promise ? result : Promise.resolve(result);
      promise.then(
        (value) => this.follow(value),
        (error: unknown) => this.fail(error),
      );
    } else this.follow(result);
  }

  private follow(result: unknown): void {
    if (this.isOver || !isObservable(result)) {
      if (!this.isOver) this.sink.value(result);
      this.done();
      return;
    }
    // Created here, not by `subscribe`, so that a source that emits everything inside `subscribe` can be stopped.
    const subscriber = new Subscriber<unknown>({
      next: (value) => {
        if (!this.isOver) this.sink.value(value);
      },
      error: (error: unknown) => {
        this.subscriptions?.delete(subscriber);
        this.fail(error);
      },
      complete: () => {
        this.subscriptions?.delete(subscriber);
        this.done();
      },
    });
    (this.subscriptions ??= new Set()).add(subscriber);
    result.subscribe(subscriber);
  }

  private done(): void {
    this.open--;
    if (this.open > 0) return;
    if (this.isOver) this.sink.quiet();
    else this.end(this.failure ?? DONE);
  }

  private fail(error: unknown): void {
    this.failure ??= this.outcomeOf(error);
    this.done();
  }

  private end(outcome: RunOutcome): void {
    this.isOver = true;
    this.deadline?.cancel();
    this.sink.ended(outcome);
  }

  private expire(timeoutMs: number): void {
    const message = `The handler did not settle within \`handlerTimeout\` (${timeoutMs} ms)`;
    this.abandon();
    this.context.abort(new Error(message));
    this.sink.ended({ kind: 'failed', error: { status: 'error', message }, isRetriable: true });
  }

  private unsubscribe(subscription: Subscription): void {
    this.open--;
    try {
      subscription.unsubscribe();
    } catch (error) {
      this.rules.teardownFailed(error);
    }
  }

  /** Only what Nest's exception filter left of the error is known, unless the interceptor has seen the original. */
  private outcomeOf(filtered: unknown): FailedRun {
    const original = this.context.failure;
    return {
      kind: 'failed',
      error: filtered,
      original,
      isRetriable: !isUnrecoverable(filtered) && this.isRetriable(original ?? filtered),
    };
  }

  private isRetriable(error: unknown): boolean {
    if (isUnrecoverable(error)) return false;
    try {
      return this.rules.isRetriable(error);
    } catch {
      return true;
    }
  }
}
