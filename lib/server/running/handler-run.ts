import type { MessageHandler } from '@nestjs/microservices';
import { isObservable } from 'rxjs';
import type { Subscription } from 'rxjs';
import type { RedisStreamContext } from '../../context/redis-stream.context.js';
import { isThenable } from '../../timing/thenable.js';

/** Receives what a handler produces: its values, if there are some, then exactly one of `done` and `failed`. */
export interface HandlerSink {
  value(value: unknown): void;
  done(): void;
  failed(error: unknown): void;
}

/**
 * Runs one handler to the end of whatever it returns. In Nest `await handler()` never rejects: a failure arrives as an
 * Observable that errors, so the end of that Observable is the only truth.
 */
export class HandlerRun {
  private isOver = false;
  private subscription: Subscription | undefined;

  constructor(private readonly sink: HandlerSink) {}

  start(handler: MessageHandler, data: unknown, context: RedisStreamContext): void {
    let result: unknown;
    try {
      result = handler(data, context);
    } catch (error) {
      this.fail(error);
      return;
    }
    if (isThenable(result)) {
      result.then(
        (value) => this.follow(value),
        (error: unknown) => this.fail(error),
      );
    } else this.follow(result);
  }

  /** What the handler still produces is of no interest. */
  abandon(): void {
    this.isOver = true;
    this.subscription?.unsubscribe();
  }

  private follow(result: unknown): void {
    if (this.isOver) return;
    if (!isObservable(result)) {
      this.sink.value(result);
      this.finish();
      return;
    }
    this.subscription = result.subscribe({
      next: (value) => {
        if (!this.isOver) this.sink.value(value);
      },
      error: (error: unknown) => this.fail(error),
      complete: () => this.finish(),
    });
    // It may have been abandoned by what it said before `subscribe` returned.
    if (this.isOver) this.subscription.unsubscribe();
  }

  private finish(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.sink.done();
  }

  private fail(error: unknown): void {
    if (this.isOver) return;
    this.isOver = true;
    this.sink.failed(error);
  }
}
