import type { MessageHandler } from '@nestjs/microservices';
import { NO_MESSAGE_HANDLER } from '../constants.js';
import type { RedisStreamContext } from '../context/redis-stream.context.js';
import { isUnrecoverable } from '../errors/unrecoverable.error.js';
import type { DeadlineWheel } from '../timing/deadline-wheel.js';
import type { Route } from './group-stream.js';
import { HandlerRun } from './handler-run.js';
import type { RunOutcome } from './settlement.js';

const DONE: RunOutcome = { kind: 'done' };

export interface HandlerSetRules {
  readonly isRetriable: (error: unknown) => boolean;
  /** Fires what is added to it when its time has come. */
  readonly deadlines: DeadlineWheel<() => void>;
}

/** Runs what a route has for one message, all of it, and tells once how that ended. */
export class HandlerSet {
  constructor(private readonly rules: HandlerSetRules) {}

  run(
    route: Route,
    data: unknown,
    context: RedisStreamContext,
    isRequest: boolean,
    value: (value: unknown) => void,
  ): Promise<RunOutcome> {
    const handlers = handlersFor(route, isRequest);
    if (handlers.length === 0) {
      return Promise.resolve({ kind: 'failed', error: NO_MESSAGE_HANDLER, isRetriable: false });
    }
    return new Promise((resolve) => {
      let open = handlers.length;
      let failure: RunOutcome | undefined;
      const ended = (outcome: RunOutcome): void => {
        if (outcome.kind === 'failed') failure ??= outcome;
        if (--open > 0) return;
        deadline?.cancel();
        resolve(failure ?? DONE);
      };
      const runs = handlers.map(
        () =>
          new HandlerRun({ value, done: () => ended(DONE), failed: (error) => ended(this.failure(error, context)) }),
      );
      const { handlerTimeoutMs } = route.settings;
      const expire = (): void => {
        for (const run of runs) run.abandon();
        resolve(timedOut(context, handlerTimeoutMs));
      };
      const deadline = handlerTimeoutMs > 0 ? this.rules.deadlines.add(expire, handlerTimeoutMs) : undefined;
      handlers.forEach((handler, i) => runs[i]?.start(handler, data, context));
    });
  }

  /** What Nest's exception filter left of an error is all there is, unless the interceptor saw the error itself. */
  private failure(filtered: unknown, context: RedisStreamContext): RunOutcome {
    const error = context.failure ?? filtered;
    return {
      kind: 'failed',
      error: filtered,
      original: context.failure,
      isRetriable: !isUnrecoverable(filtered) && this.isRetriable(error),
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
  const forMessage = messageHandler ? [messageHandler] : [];
  if (isRequest) return messageHandler ? forMessage : eventHandlers.slice(0, 1);
  return eventHandlers.length > 0 ? eventHandlers : forMessage;
}

function timedOut(context: RedisStreamContext, handlerTimeoutMs: number): RunOutcome {
  const message = `The handler did not settle within \`handlerTimeout\` (${handlerTimeoutMs} ms)`;
  context.abort(new Error(message));
  return { kind: 'failed', error: { status: 'error', message }, isRetriable: true };
}
