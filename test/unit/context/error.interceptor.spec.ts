import type { CallHandler, ExecutionContext } from '@nestjs/common';
import { firstValueFrom, of, throwError, toArray } from 'rxjs';
import type { Observable } from 'rxjs';
import { RedisStreamErrorInterceptor } from '../../../lib/context/error.interceptor.js';
import { RedisStreamContext } from '../../../lib/context/redis-stream.context.js';

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

const intercept = (context: unknown, result: Observable<unknown>): Observable<unknown> => {
  const next: CallHandler = { handle: () => result };
  const execution = { getArgs: () => [{}, context] } as unknown as ExecutionContext;
  return new RedisStreamErrorInterceptor().intercept(execution, next);
};

describe('RedisStreamErrorInterceptor', () => {
  const oops = new Error('oops');

  it('records the error of the handler and passes it on unchanged', async () => {
    const context = contextOf();
    await expect(
      firstValueFrom(
        intercept(
          context,
          throwError(() => oops),
        ),
      ),
    ).rejects.toBe(oops);
    expect(context.failure).toBe(oops);
  });

  it('keeps the first of several failures', async () => {
    const context = contextOf();
    for (const error of [oops, new Error('later')]) {
      await expect(
        firstValueFrom(
          intercept(
            context,
            throwError(() => error),
          ),
        ),
      ).rejects.toBe(error);
    }
    expect(context.failure).toBe(oops);
  });

  it('leaves successful results alone', async () => {
    const context = contextOf();
    expect(await firstValueFrom(intercept(context, of(1, 2)).pipe(toArray()))).toEqual([1, 2]);
    expect(context.failure).toBeUndefined();
  });

  it('changes nothing for other transports and for HTTP', () => {
    const result = of(1);
    expect(intercept({ url: '/' }, result)).toBe(result);
    expect(intercept(undefined, result)).toBe(result);
  });
});
