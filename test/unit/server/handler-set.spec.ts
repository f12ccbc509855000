import { jest } from '@jest/globals';
import type { MessageHandler } from '@nestjs/microservices';
import { NEVER, of, throwError } from 'rxjs';
import { NO_MESSAGE_HANDLER } from '../../../lib/constants.js';
import { RedisStreamContext } from '../../../lib/context/redis-stream.context.js';
import { RedisStreamUnrecoverableError } from '../../../lib/errors/unrecoverable.error.js';
import type { Route } from '../../../lib/server/holding/group-stream.js';
import { HandlerSet } from '../../../lib/server/running/handler-set.js';
import type { RunOutcome } from '../../../lib/server/settling/settlement.js';
import { resolveHandlerExtras, resolveServerOptions } from '../../../lib/options/settings.js';
import { DeadlineWheel } from '../../../lib/timing/deadline-wheel.js';

const server = resolveServerOptions({ connection: {}, option: { consumerGroup: 'workers' } });
const oops = new Error('oops');

/** As Nest types handlers, which in truth return what they like. */
const handlerOf = (run: (data: unknown) => unknown): MessageHandler => run as unknown as MessageHandler;

function routeOf(events: ((data: unknown) => unknown)[], message?: (data: unknown) => unknown, timeout = 0): Route {
  return {
    pattern: 'sum',
    group: 'workers',
    settings: resolveHandlerExtras({ handlerTimeout: timeout }, server),
    eventHandlers: events.map(handlerOf),
    messageHandler: message && handlerOf(message),
  };
}

/** How it ends; what it produces goes to `values`. */
function outcomeOf(
  set: HandlerSet,
  route: Route,
  context: RedisStreamContext,
  { isRequest = false, values = [] as unknown[] } = {},
): Promise<RunOutcome> {
  return new Promise((resolve) => {
    set.run(route, 'data', context, isRequest, { value: (value) => values.push(value), ended: resolve });
  });
}

describe('HandlerSet', () => {
  let context: RedisStreamContext;
  let values: unknown[];

  beforeEach(() => {
    values = [];
    context = new RedisStreamContext({
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
  });

  const always = (): boolean => true;
  const run = (
    route: Route,
    isRequest = false,
    isRetriable: (error: unknown) => boolean = always,
  ): Promise<RunOutcome> => {
    const deadlines = new DeadlineWheel<() => void>((expire) => expire());
    return outcomeOf(new HandlerSet({ isRetriable, deadlines }), route, context, { isRequest, values });
  };

  it('runs all event handlers of an event, each with the data', async () => {
    const seen: unknown[] = [];
    const note = (data: unknown): unknown => seen.push(data);
    expect(await run(routeOf([note, note, note]))).toEqual({ kind: 'done' });
    expect(seen).toEqual(['data', 'data', 'data']);
  });

  it('is done when the last of them is, not the first', async () => {
    let finish!: () => void;
    const slow = new Promise<void>((resolve) => (finish = resolve));
    let outcome: RunOutcome | undefined;
    const running = run(routeOf([() => undefined, () => slow])).then((result) => (outcome = result));
    await new Promise((resolve) => setImmediate(resolve));
    expect(outcome).toBeUndefined();
    finish();
    await running;
    expect(outcome).toEqual({ kind: 'done' });
  });

  it('lets the others finish when one fails, and reports the first failure', async () => {
    const seen: string[] = [];
    const outcome = await run(
      routeOf([
        () => throwError(() => oops),
        async () => void seen.push('second'),
        () => Promise.reject(new Error('later')),
      ]),
    );
    expect(outcome).toMatchObject({ kind: 'failed', error: oops, isRetriable: true });
    expect(seen).toEqual(['second']);
  });

  it('runs one handler for a request: the message handler, else the first event handler', async () => {
    await run(
      routeOf([() => 'event'], () => 'message'),
      true,
    );
    await run(routeOf([() => 'first', () => 'second']), true);
    expect(values).toEqual(['message', 'first']);
  });

  it('runs the message handler for an event that has no other', async () => {
    await run(routeOf([], () => of(1, 2)));
    expect(values).toEqual([1, 2]);
  });

  it.each([true, false])('fails for good where there is no handler (request: %s)', async (isRequest) => {
    expect(await run(routeOf([]), isRequest)).toEqual({
      kind: 'failed',
      error: NO_MESSAGE_HANDLER,
      isRetriable: false,
    });
  });

  it('asks isRetriable about the original error where the interceptor saw it', async () => {
    const asked: unknown[] = [];
    const masked = { status: 'error', message: 'Internal server error' };
    context.recordFailure(oops);
    const outcome = await run(routeOf([() => throwError(() => masked)]), false, (error) => {
      asked.push(error);
      return false;
    });
    expect(asked).toEqual([oops]);
    expect(outcome).toEqual({ kind: 'failed', error: masked, original: oops, isRetriable: false });
  });

  it.each([
    ['as it is thrown', new RedisStreamUnrecoverableError('no')],
    ['as the exception filter leaves it', new RedisStreamUnrecoverableError('no').getError()],
  ])('knows an unrecoverable error %s, whatever isRetriable says', async (_how, error) => {
    expect(await run(routeOf([() => throwError(() => error)]))).toMatchObject({ isRetriable: false });
  });

  it('knows an unrecoverable error behind a filter that replaced it', async () => {
    context.recordFailure(new RedisStreamUnrecoverableError('no'));
    expect(await run(routeOf([() => throwError(() => ({ message: 'replaced' }))]))).toMatchObject({
      isRetriable: false,
    });
  });

  it('takes an isRetriable that throws for a yes: an attempt too many is better than a lost event', async () => {
    const isRetriable = (): never => {
      throw new Error('bug');
    };
    expect(await run(routeOf([() => throwError(() => oops)]), false, isRetriable)).toMatchObject({ isRetriable: true });
  });
});

describe('HandlerSet with a handlerTimeout', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  const deadlines = (): DeadlineWheel<() => void> => new DeadlineWheel((expire) => expire());
  const contextOf = (): RedisStreamContext =>
    new RedisStreamContext({
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

  it('fails a handler that does not settle, aborts its signal and hears no more of it', async () => {
    const context = contextOf();
    const values: unknown[] = [];
    let answer!: (value: number) => void;
    const late = new Promise<number>((resolve) => (answer = resolve));
    const set = new HandlerSet({ isRetriable: () => true, deadlines: deadlines() });
    const running = outcomeOf(set, routeOf([() => NEVER, () => late], undefined, 50), context, { values });
    await jest.advanceTimersByTimeAsync(100);
    const outcome = await running;
    expect(outcome).toMatchObject({ kind: 'failed', isRetriable: true });
    expect(outcome).toMatchObject({
      error: { message: expect.stringContaining('`handlerTimeout` (50 ms)') as string },
    });
    expect(context.signal.aborted).toBe(true);
    answer(7);
    await jest.advanceTimersByTimeAsync(10);
    expect(values).toEqual([]);
  });

  it('leaves one alone that settles in time', async () => {
    const context = contextOf();
    const set = new HandlerSet({ isRetriable: () => true, deadlines: deadlines() });
    const outcome = await outcomeOf(set, routeOf([() => of(1)], undefined, 50), context);
    await jest.advanceTimersByTimeAsync(200);
    expect(outcome).toEqual({ kind: 'done' });
    expect(context.signal.aborted).toBe(false);
  });
});
