import { runInNewContext } from 'node:vm';
import { EMPTY, NEVER, Observable, Subject, concat, from, of, throwError } from 'rxjs';
import { RedisStreamContext } from '../../../lib/context/redis-stream.context.js';
import { HandlerRun } from '../../../lib/server/running/handler-run.js';
import type { HandlerSink } from '../../../lib/server/running/handler-run.js';

/** Writes down what it is told. */
class Sink implements HandlerSink {
  readonly told: unknown[] = [];

  value(value: unknown): void {
    this.told.push(['value', value]);
  }

  done(): void {
    this.told.push('done');
  }

  failed(error: unknown): void {
    this.told.push(['failed', error]);
  }
}

const context = new RedisStreamContext({
  stream: 'sum',
  pattern: 'sum',
  id: '1-0',
  group: 'workers',
  consumer: 'one',
  attempt: 1,
  headers: {},
  messageId: undefined,
  isRequest: false,
});

const oops = new Error('oops');
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** As Nest types handlers, which in truth return what they like. */
type Handler = Parameters<HandlerRun['start']>[0];
const handlerOf = (run: (...args: unknown[]) => unknown): Handler => run as unknown as Handler;

function started(handler: (...args: unknown[]) => unknown): { sink: Sink; run: HandlerRun } {
  const sink = new Sink();
  const run = new HandlerRun(sink);
  run.start(handlerOf(handler), { a: 1 }, context);
  return { sink, run };
}

describe('HandlerRun', () => {
  it('gives the handler its data and its context', () => {
    const seen: unknown[] = [];
    started((...args) => seen.push(...args));
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
  ])('follows %s within the same turn', (_what, handler, told) => {
    expect(started(handler).sink.told).toEqual(told);
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
  ])('follows a promise %s', async (_what, handler, told) => {
    const { sink } = started(handler);
    expect(sink.told).toEqual([]);
    await turn();
    expect(sink.told).toEqual(told);
  });

  it('follows a promise that is none of this realm', async () => {
    const { sink } = started(() => runInNewContext('Promise.resolve(7)'));
    await turn();
    expect(sink.told).toEqual([['value', 7], 'done']);
  });

  it('is done when the Observable is, not when it has a value', async () => {
    const subject = new Subject<number>();
    const { sink } = started(() => subject);
    subject.next(1);
    await turn();
    expect(sink.told).toEqual([['value', 1]]);
    subject.complete();
    expect(sink.told).toEqual([['value', 1], 'done']);
  });

  it('keeps the order of values that come over several turns', async () => {
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
    while (!sink.told.includes('done')) await turn();
    expect(sink.told).toEqual([...[0, 1, 2, 3, 4].map((i) => ['value', i]), 'done']);
  });

  it('tells one end only, whatever a rude Observable does', () => {
    const { sink } = started(
      () =>
        new Observable((observer) => {
          observer.next(1);
          observer.error(oops);
          observer.complete();
          observer.next(2);
        }),
    );
    expect(sink.told).toEqual([
      ['value', 1],
      ['failed', oops],
    ]);
  });

  it.each<[string, () => unknown]>([
    ['an Observable', () => NEVER],
    ['a promise', () => new Promise(() => undefined)],
  ])('says nothing of %s that never settles', async (_what, handler) => {
    const { sink } = started(handler);
    await turn();
    expect(sink.told).toEqual([]);
  });

  it('unsubscribes from an Observable that is abandoned, and says nothing more', () => {
    const subject = new Subject<number>();
    const { sink, run } = started(() => subject);
    subject.next(1);
    run.abandon();
    expect(subject.observed).toBe(false);
    subject.next(2);
    subject.error(oops);
    expect(sink.told).toEqual([['value', 1]]);
  });

  it('unsubscribes from an Observable that is abandoned by what it says while it is subscribed to', () => {
    let isOpen = true;
    const loud = new Observable<number>((observer) => {
      observer.next(1);
      observer.next(2);
      return () => (isOpen = false);
    });
    const told: unknown[] = [];
    const run: HandlerRun = new HandlerRun({
      value: (value) => {
        told.push(value);
        run.abandon();
      },
      done: () => told.push('done'),
      failed: () => told.push('failed'),
    });
    run.start(
      handlerOf(() => loud),
      undefined,
      context,
    );
    expect(told).toEqual([1]);
    expect(isOpen).toBe(false);
  });

  it('says nothing of a promise that settles after it was abandoned', async () => {
    let resolve!: (value: number) => void;
    const { sink, run } = started(() => new Promise<number>((settle) => (resolve = settle)));
    run.abandon();
    resolve(7);
    await turn();
    expect(sink.told).toEqual([]);
  });

  it('swallows a rejection that comes after it was abandoned', async () => {
    let reject!: (error: Error) => void;
    const { sink, run } = started(() => new Promise<number>((_resolve, fail) => (reject = fail)));
    run.abandon();
    reject(oops);
    await turn();
    expect(sink.told).toEqual([]);
  });

  it('does not subscribe to an Observable that a promise yields after it was abandoned', async () => {
    let subscriptions = 0;
    const late = new Observable(() => void subscriptions++);
    const { run } = started(async () => late);
    run.abandon();
    await turn();
    expect(subscriptions).toBe(0);
  });

  it('bears being abandoned before, after and more than once', () => {
    const { sink, run } = started(() => 7);
    run.abandon();
    run.abandon();
    new HandlerRun(sink).abandon();
    expect(sink.told).toEqual([['value', 7], 'done']);
  });
});
