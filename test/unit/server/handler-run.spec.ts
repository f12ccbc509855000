import { jest } from '@jest/globals';
import { runInNewContext } from 'node:vm';
import { concat, EMPTY, from, NEVER, Observable, of, range, Subject, tap, throwError } from 'rxjs';
import type { RedisStreamContext } from '../../../lib/context/redis-stream.context.js';
import { RedisStreamUnrecoverableError } from '../../../lib/errors/unrecoverable.error.js';
import { HandlerRun } from '../../../lib/server/running/handler-run.js';
import type { HandlerRules, HandlerSink } from '../../../lib/server/running/handler-run.js';
import type { RunOutcome } from '../../../lib/server/settling/settlement.js';
import { DeadlineWheel } from '../../../lib/timing/deadline-wheel.js';
import { deferred } from '../../support/deferred.js';
import type { Deferred } from '../../support/deferred.js';
import { contextOf, handlerOf } from './support/entries.js';

type Handler = (data: unknown, context: unknown) => unknown;

/** Records what it receives, in order. */
class Sink implements HandlerSink {
  readonly received: unknown[] = [];
  outcome: RunOutcome | undefined;

  value(value: unknown): void {
    this.received.push(['value', value]);
  }

  ended(outcome: RunOutcome): void {
    this.outcome = outcome;
    this.received.push(outcome.kind === 'done' ? 'done' : ['failed', outcome.error]);
  }

  quiet(): void {
    this.received.push('quiet');
  }
}

interface Start {
  readonly rules?: Partial<HandlerRules>;
  readonly context?: RedisStreamContext;
  readonly timeoutMs?: number;
}

const oops = new Error('oops');
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const rulesOf = (rules: Partial<HandlerRules> = {}): HandlerRules => ({
  isRetriable: () => true,
  deadlines: new DeadlineWheel((expire) => expire()),
  teardownFailed: () => undefined,
  ...rules,
});

/** A run of several handlers of one message. */
function startedAll(
  handlers: readonly Handler[],
  { rules, context = contextOf(), timeoutMs = 0 }: Start = {},
): { sink: Sink; run: HandlerRun; context: RedisStreamContext } {
  const sink = new Sink();
  const run = new HandlerRun(rulesOf(rules), context, sink);
  run.start(handlers.map(handlerOf), { a: 1 }, timeoutMs);
  return { sink, run, context };
}

const started = (handler: Handler, start: Start = {}): ReturnType<typeof startedAll> => startedAll([handler], start);

describe('HandlerRun', () => {
  it('gives the handler its data and its context', () => {
    const seen: unknown[] = [];
    const { context } = started((...args) => seen.push(...args));
    expect(seen).toEqual([{ a: 1 }, context]);
    expect(seen[1]).toBe(context);
  });

  it.each<[string, () => unknown, unknown[]]>([
    ['a plain value', () => 7, [['value', 7], 'done']],
    ['null', () => null, [['value', null], 'done']],
    ['nothing', () => undefined, [['value', undefined], 'done']],
    ['a list, as one value', () => [1, 2], [['value', [1, 2]], 'done']],
    ['a function, as a value', () => turn, [['value', turn], 'done']],
    ['an Observable of none', () => EMPTY, ['done']],
    ['an Observable of one', () => of(1), [['value', 1], 'done']],
    ['an Observable of many', () => of(1, 2, 3), [['value', 1], ['value', 2], ['value', 3], 'done']],
    ['an Observable that fails at once', () => throwError(() => oops), [['failed', oops]]],
    [
      'an Observable that fails after some values',
      () =>
        concat(
          of(1, 2),
          throwError(() => oops),
        ),
      [
        ['value', 1],
        ['value', 2],
        ['failed', oops],
      ],
    ],
    ['an Observable that fails without an Error', () => throwError(() => 'text'), [['failed', 'text']]],
    [
      'a throw',
      () => {
        throw oops;
      },
      [['failed', oops]],
    ],
  ])('follows %s within the same turn', (_what, handler, received) => {
    expect(started(handler).sink.received).toEqual(received);
  });

  it.each<[string, () => unknown, unknown[]]>([
    ['of a value', async () => 7, [['value', 7], 'done']],
    ['of nothing', async () => undefined, [['value', undefined], 'done']],
    ['of an Observable of none', async () => EMPTY, ['done']],
    ['of an Observable of many', async () => of(1, 2), [['value', 1], ['value', 2], 'done']],
    // This is how a failure reaches a transport in Nest: the promise itself never rejects.
    ['of an Observable that fails', async () => throwError(() => oops), [['failed', oops]]],
    ['that rejects', () => Promise.reject(oops), [['failed', oops]]],
    ['that rejects with nothing', async () => Promise.reject(undefined), [['failed', undefined]]],
  ])('follows a promise %s', async (_what, handler, received) => {
    const { sink } = started(handler);
    expect(sink.received).toEqual([]);
    await turn();
    expect(sink.received).toEqual(received);
  });

  it('follows a promise of another realm', async () => {
    const { sink } = started(() => runInNewContext('Promise.resolve(7)'));
    await turn();
    expect(sink.received).toEqual([['value', 7], 'done']);
  });

  it('is done when the Observable completes, not when it emits', async () => {
    const subject = new Subject<number>();
    const { sink } = started(() => subject);
    subject.next(1);
    await turn();
    expect(sink.received).toEqual([['value', 1]]);
    subject.complete();
    expect(sink.received).toEqual([['value', 1], 'done']);
  });

  it('keeps the order of values that arrive over several turns', async () => {
    const { sink } = started(() =>
      from(
        (async function* () {
          for (let i = 0; i < 5; i++) {
            await turn();
            yield i;
          }
        })(),
      ),
    );
    while (!sink.received.includes('done')) await turn();
    expect(sink.received).toEqual([...[0, 1, 2, 3, 4].map((i) => ['value', i]), 'done']);
  });

  it('ends once, whatever a badly behaved Observable does', () => {
    const { sink } = started(
      () =>
        new Observable((observer) => {
          observer.next(1);
          observer.error(oops);
          observer.complete();
          observer.next(2);
        }),
    );
    expect(sink.received).toEqual([
      ['value', 1],
      ['failed', oops],
    ]);
  });

  it.each<[string, () => unknown]>([
    ['an Observable', () => NEVER],
    ['a promise', () => new Promise(() => undefined)],
  ])('never ends with %s that never settles', async (_what, handler) => {
    const { sink } = started(handler);
    await turn();
    expect(sink.received).toEqual([]);
  });
});

describe('HandlerRun of several handlers', () => {
  it('gives the data to each of them', () => {
    const seen: unknown[] = [];
    const note: Handler = (data) => void seen.push(data);
    const { sink } = startedAll([note, note, note]);
    expect(seen).toEqual([{ a: 1 }, { a: 1 }, { a: 1 }]);
    expect(sink.outcome).toEqual({ kind: 'done' });
  });

  it('is done when the last of them is done, not the first', async () => {
    const slow = deferred();
    const { sink } = startedAll([() => undefined, () => slow.promise]);
    await turn();
    expect(sink.outcome).toBeUndefined();
    slow.resolve();
    await turn();
    expect(sink.outcome).toEqual({ kind: 'done' });
  });

  it('lets the others finish when one fails, and reports the first failure', async () => {
    const seen: string[] = [];
    const { sink } = startedAll([
      () => throwError(() => oops),
      async () => void seen.push('second'),
      () => Promise.reject(new Error('later')),
    ]);
    await turn();
    expect(sink.outcome).toMatchObject({ kind: 'failed', error: oops, isRetriable: true });
    expect(seen).toEqual(['second']);
  });

  it('calls the handlers after one that throws', () => {
    const seen: string[] = [];
    const { sink } = startedAll([
      () => {
        throw oops;
      },
      () => void seen.push('second'),
    ]);
    expect(seen).toEqual(['second']);
    expect(sink.outcome).toMatchObject({ kind: 'failed', error: oops });
  });
});

describe('HandlerRun after a failure', () => {
  it('asks isRetriable about the original error where the interceptor saw it', () => {
    const asked: unknown[] = [];
    const masked = { status: 'error', message: 'Internal server error' };
    const context = contextOf();
    context.recordFailure(oops);
    const isRetriable = (error: unknown): boolean => {
      asked.push(error);
      return false;
    };
    const { sink } = started(() => throwError(() => masked), { context, rules: { isRetriable } });
    expect(asked).toEqual([oops]);
    expect(sink.outcome).toEqual({ kind: 'failed', error: masked, original: oops, isRetriable: false });
  });

  it.each([
    ['as it is thrown', new RedisStreamUnrecoverableError('no')],
    ['as the exception filter leaves it', new RedisStreamUnrecoverableError('no').getError()],
  ])('recognizes an unrecoverable error %s, whatever isRetriable says', (_how, error) => {
    expect(started(() => throwError(() => error)).sink.outcome).toMatchObject({ isRetriable: false });
  });

  it('recognizes an unrecoverable error behind a filter that replaced it', () => {
    const context = contextOf();
    context.recordFailure(new RedisStreamUnrecoverableError('no'));
    const { sink } = started(() => throwError(() => ({ message: 'replaced' })), { context });
    expect(sink.outcome).toMatchObject({ isRetriable: false });
  });

  it('treats an isRetriable that throws as true, since an extra attempt is better than a lost event', () => {
    const isRetriable = (): never => {
      throw new Error('bug');
    };
    const { sink } = started(() => throwError(() => oops), { rules: { isRetriable } });
    expect(sink.outcome).toMatchObject({ isRetriable: true });
  });
});

describe('an abandoned HandlerRun', () => {
  it('unsubscribes from an Observable, and reports nothing more', () => {
    const subject = new Subject<number>();
    const { sink, run } = started(() => subject);
    subject.next(1);
    expect(run.abandon()).toBe(true);
    expect(subject.observed).toBe(false);
    subject.next(2);
    subject.error(oops);
    expect(sink.received).toEqual([['value', 1]]);
  });

  it('unsubscribes from every Observable, and waits for the promises beside them', async () => {
    const subjects = [new Subject(), new Subject()];
    const slow = deferred<number>();
    const { sink, run } = startedAll([...subjects.map((subject) => () => subject), () => slow.promise]);
    expect(run.abandon()).toBe(false);
    expect(subjects.map(({ observed }) => observed)).toEqual([false, false]);
    slow.resolve(7);
    await turn();
    expect(sink.received).toEqual(['quiet']);
  });

  it('unsubscribes from an Observable when a value that it emits during subscription abandons the run', () => {
    let isOpen = true;
    const loud = new Observable<number>((observer) => {
      observer.next(1);
      observer.next(2);
      return () => (isOpen = false);
    });
    const received: unknown[] = [];
    const answers: boolean[] = [];
    const run: HandlerRun = new HandlerRun(rulesOf(), contextOf(), {
      value: (value) => {
        received.push(value);
        answers.push(run.abandon());
      },
      ended: () => received.push('ended'),
      quiet: () => received.push('quiet'),
    });
    run.start([handlerOf(() => loud)], undefined, 0);
    expect(received).toEqual([1]);
    expect(answers).toEqual([true]);
    expect(isOpen).toBe(false);
  });

  it('stops a source that emits all its values during subscription', () => {
    let produced = 0;
    const received: unknown[] = [];
    const run: HandlerRun = new HandlerRun(rulesOf(), contextOf(), {
      value: (value) => {
        received.push(value);
        run.abandon();
      },
      ended: () => received.push('ended'),
      quiet: () => received.push('quiet'),
    });
    run.start([handlerOf(() => range(0, 1_000).pipe(tap(() => produced++)))], undefined, 0);
    expect(received).toEqual([0]);
    expect(produced).toBe(1);
  });

  it.each<[string, (late: Deferred<number>) => void]>([
    ['settles', (late) => late.resolve(7)],
    ['rejects', (late) => late.reject(oops)],
  ])('reports only `quiet` when its promise %s', async (_how, settle) => {
    const late = deferred<number>();
    const { sink, run } = started(() => late.promise);
    expect(run.abandon()).toBe(false);
    expect(sink.received).toEqual([]);
    settle(late);
    await turn();
    expect(sink.received).toEqual(['quiet']);
  });

  it('does not subscribe to an Observable that a promise resolves to later', async () => {
    let subscriptions = 0;
    const late = new Observable(() => void subscriptions++);
    const { run } = started(async () => late);
    run.abandon();
    await turn();
    expect(subscriptions).toBe(0);
  });

  it('is quiet when it had already ended, was already abandoned, or never started', () => {
    const { sink, run } = started(() => 7);
    expect(run.abandon()).toBe(true);
    expect(run.abandon()).toBe(true);
    expect(new HandlerRun(rulesOf(), contextOf(), sink).abandon()).toBe(true);
    expect(sink.received).toEqual([['value', 7], 'done']);
  });

  it('reports a teardown that throws, and unsubscribes from the others', () => {
    const other = new Subject();
    const failures: unknown[] = [];
    const broken = new Observable(() => () => {
      throw oops;
    });
    const rules = { teardownFailed: (error: unknown) => void failures.push(error) };
    const { run } = startedAll([() => broken, () => other], { rules });
    expect(run.abandon()).toBe(true);
    expect(failures).toEqual([expect.objectContaining({ errors: [oops] })]);
    expect(other.observed).toBe(false);
  });
});

describe('HandlerRun with a handlerTimeout', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  it('fails a handler that does not settle, aborts its signal and ignores its later result', async () => {
    const late = deferred<number>();
    const { sink, context } = startedAll([() => NEVER, () => late.promise], { timeoutMs: 50 });
    await jest.advanceTimersByTimeAsync(100);
    expect(sink.outcome).toMatchObject({
      kind: 'failed',
      error: { status: 'error', message: expect.stringContaining('`handlerTimeout` (50 ms)') as string },
      isRetriable: true,
    });
    expect(context.signal.aborted).toBe(true);
    late.resolve(7);
    await jest.advanceTimersByTimeAsync(10);
    expect(sink.received).toEqual([['failed', expect.anything()], 'quiet']);
  });

  it('ends once where aborting the signal makes the handler fail', async () => {
    const context = contextOf();
    const subject = new Subject();
    context.signal.addEventListener('abort', () => subject.error(oops));
    const { sink } = started(() => subject, { context, timeoutMs: 50 });
    await jest.advanceTimersByTimeAsync(100);
    expect(sink.received).toEqual([['failed', expect.objectContaining({ status: 'error' })]]);
  });

  it('survives a teardown that throws: the attempt fails, and other deadlines of the same tick fire', async () => {
    const failures: unknown[] = [];
    const rules = rulesOf({ teardownFailed: (error) => void failures.push(error) });
    const broken = new Observable(() => () => {
      throw oops;
    });
    const runs = [broken, NEVER].map((source) => started(() => source, { rules, timeoutMs: 50 }));
    await jest.advanceTimersByTimeAsync(100);
    expect(runs.map(({ sink }) => sink.outcome?.kind)).toEqual(['failed', 'failed']);
    expect(failures).toHaveLength(1);
  });

  it.each<[string, Handler]>([
    ['is done in time', () => of(1)],
    ['fails in time', () => throwError(() => oops)],
  ])('forgets the deadline of a run that %s', async (_how, handler) => {
    const { sink, context } = started(handler, { timeoutMs: 50 });
    const received = [...sink.received];
    await jest.advanceTimersByTimeAsync(200);
    expect(sink.received).toEqual(received);
    expect(context.signal.aborted).toBe(false);
  });

  it('forgets the deadline of a run that was abandoned', async () => {
    const { sink, run } = started(() => NEVER, { timeoutMs: 50 });
    run.abandon();
    await jest.advanceTimersByTimeAsync(200);
    expect(sink.received).toEqual([]);
  });
});
