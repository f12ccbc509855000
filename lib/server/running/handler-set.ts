import type { MessageHandler } from '@nestjs/microservices';
import { NO_MESSAGE_HANDLER } from '../../constants.js';
import type { RedisStreamContext } from '../../context/redis-stream.context.js';
import { isUnrecoverable } from '../../errors/unrecoverable.error.js';
import type { Deadline, DeadlineWheel } from '../../timing/deadline-wheel.js';
import type { Route } from '../holding/group-stream.js';
import { HandlerRun } from './handler-run.js';
import type { HandlerSink } from './handler-run.js';
import type { FailedRun, RunOutcome } from '../settling/settlement.js';

const DONE: RunOutcome = { kind: 'done' };

/** Receives what the handlers of one message produce: their values, if there are some, then how it ended, once. */
export interface MessageSink {
  value(value: unknown): void;
  ended(outcome: RunOutcome): void;
}

export interface HandlerSetRules {
  readonly isRetriable: (error: unknown) => boolean;
  /** Fires what is added to it when its time has come. */
  readonly deadlines: DeadlineWheel<() => void>;
}

/** Runs what a route has for one message, all of it, and tells once how that ended. */
export class HandlerSet {
  constructor(private readonly rules: HandlerSetRules) {}

  run(route: Route, data: unknown, context: RedisStreamContext, isRequest: boolean, sink: MessageSink): void {
    const handlers = handlersFor(route, isRequest);
    if (handlers.length === 0) {
      sink.ended({ kind: 'failed', error: NO_MESSAGE_HANDLER, isRetriable: false });
      return;
    }
    new MessageRun(this.rules, route.settings.handlerTimeoutMs, context, sink).start(handlers, data);
  }
}

/** All handlers of one message. It ends with the last of them, or when their time is up. */
class MessageRun implements HandlerSink {
  private open = 0;
  private failure: RunOutcome | undefined;
  private runs: HandlerRun[] | undefined;
  private deadline: Deadline | undefined;

  constructor(
    private readonly rules: HandlerSetRules,
    private readonly timeoutMs: number,
    private readonly context: RedisStreamContext,
    private readonly sink: MessageSink,
  ) {}

  start(handlers: readonly MessageHandler[], data: unknown): void {
    this.open = handlers.length;
    if (this.timeoutMs > 0) {
      this.runs = [];
      this.deadline = this.rules.deadlines.add(() => this.expire(), this.timeoutMs);
    }
    for (const handler of handlers) {
      const run = new HandlerRun(this);
      this.runs?.push(run);
      run.start(handler, data, this.context);
    }
  }

  value(value: unknown): void {
    this.sink.value(value);
  }

  done(): void {
    if (--this.open > 0) return;
    this.deadline?.cancel();
    this.sink.ended(this.failure ?? DONE);
  }

  failed(error: unknown): void {
    this.failure ??= this.outcomeOf(error);
    this.done();
  }

  private expire(): void {
    for (const run of this.runs ?? []) run.abandon();
    const message = `The handler did not settle within \`handlerTimeout\` (${this.timeoutMs} ms)`;
    this.context.abort(new Error(message));
    this.sink.ended({ kind: 'failed', error: { status: 'error', message }, isRetriable: true });
  }

  /** What Nest's exception filter left of an error is all there is, unless the interceptor saw the error itself. */
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

/** As in Nest's own transports, a request finds an event handler where there is no other, and the reverse. */
function handlersFor({ eventHandlers, messageHandler }: Route, isRequest: boolean): readonly MessageHandler[] {
  if (!isRequest && eventHandlers.length > 0) return eventHandlers;
  if (messageHandler) return [messageHandler];
  return eventHandlers.slice(0, 1);
}
