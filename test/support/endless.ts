import { Controller } from '@nestjs/common';
import type { Type } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { RedisStreamContext } from 'nestjs-redis-stream-transport';
import { Observable, interval, takeUntil, Subject } from 'rxjs';
import { eventually } from './eventually.js';

/** One run of a handler that does not end on its own. */
export interface EndlessRun {
  readonly pattern: string;
  readonly signal: AbortSignal;
  values: number;
  /** By the monotonic clock. */
  abortedAt?: number;
  unsubscribedAt?: number;
}

export interface Endless {
  readonly handlers: Type[];
  readonly runs: EndlessRun[];
  untilRunning(count: number): Promise<void>;
  /** Ends the runs of `wait`, `ticks` and `tide`, for the end of a test. */
  stop(): void;
}

const TICK_MS = 20;

/** For a call whose outcome the test ignores: the client may close before there is one. */
export const QUIETLY = { error: (): void => undefined };

/**
 * `wait` settles when its signal aborts, `deaf` never settles, `ticks` streams a value every 20 ms, `ping` answers at
 * once; `tide` is an event handler that waits like `wait`.
 */
export function endless(): Endless {
  const runs: EndlessRun[] = [];
  const over = new Subject<void>();

  function begin(pattern: string, { signal }: RedisStreamContext): EndlessRun {
    const run: EndlessRun = { pattern, signal, values: 0 };
    runs.push(run);
    signal.addEventListener('abort', () => (run.abortedAt = performance.now()));
    return run;
  }

  const untilAborted = ({ signal }: EndlessRun): Promise<void> =>
    new Promise((resolve) => {
      signal.addEventListener('abort', () => resolve());
      over.subscribe(() => resolve());
    });

  @Controller()
  class EndlessController {
    @MessagePattern('wait')
    wait(@Ctx() ctx: RedisStreamContext): Promise<void> {
      return untilAborted(begin('wait', ctx));
    }

    @MessagePattern('deaf')
    deaf(@Ctx() ctx: RedisStreamContext): Promise<never> {
      begin('deaf', ctx);
      return new Promise(() => undefined);
    }

    @MessagePattern('ticks')
    ticks(@Ctx() ctx: RedisStreamContext): Observable<number> {
      const run = begin('ticks', ctx);
      return new Observable<number>((subscriber) => {
        const source = interval(TICK_MS)
          .pipe(takeUntil(over))
          .subscribe((value) => {
            run.values += 1;
            subscriber.next(value);
          });
        return () => {
          run.unsubscribedAt = performance.now();
          source.unsubscribe();
        };
      });
    }

    @MessagePattern('ping')
    ping(@Payload() data: unknown): unknown {
      return data;
    }

    @EventPattern<string>('tide')
    tide(@Payload() _data: unknown, @Ctx() ctx: RedisStreamContext): Promise<void> {
      return untilAborted(begin('tide', ctx));
    }
  }

  return {
    handlers: [EndlessController],
    runs,
    untilRunning: (count) => eventually(() => expect(runs.length).toBe(count)),
    stop: () => {
      over.next();
      over.complete();
    },
  };
}

/** Waits until the signal of a run aborts, and returns how many milliseconds after `since` it did. */
export async function abortedAfter(run: EndlessRun | undefined, since: number, within: number): Promise<number> {
  return eventually(
    () => {
      expect(run?.abortedAt).toBeDefined();
      return Number(run?.abortedAt) - since;
    },
    { within },
  );
}
