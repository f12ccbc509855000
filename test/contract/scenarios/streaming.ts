import { Controller } from '@nestjs/common';
import { MessagePattern, Payload, RpcException } from '@nestjs/microservices';
import {
  concat,
  concatMap,
  delay,
  EMPTY,
  from,
  lastValueFrom,
  of,
  range,
  take,
  throwError,
  timer,
  toArray,
} from 'rxjs';
import type { Observable } from 'rxjs';
import { RequestTimeoutError } from 'nestjs-redis-stream-transport';
import { ask, askAll, failureOf } from '../../support/calls.js';
import { deferred } from '../../support/deferred.js';
import { within } from '../../support/eventually.js';
import type { Topic } from './topic.js';

const finish = { promise: Promise.resolve() };

@Controller()
class Streams {
  @MessagePattern('count')
  count(@Payload() n: number): Observable<number> {
    return range(0, n);
  }

  @MessagePattern('count.slowly')
  countSlowly(@Payload() n: number): Observable<number> {
    return range(0, n).pipe(concatMap((value) => timer(value % 3).pipe(concatMap(() => of(value)))));
  }

  @MessagePattern('late.end')
  lateEnd(): Observable<string> {
    return concat(of('first'), from(finish.promise).pipe(concatMap(() => EMPTY)));
  }

  @MessagePattern('nothing')
  nothing(): Observable<never> {
    return EMPTY;
  }

  @MessagePattern('breaks')
  breaks(): Observable<number> {
    return concat(
      range(0, 3),
      throwError(() => new RpcException('broken')),
    );
  }

  @MessagePattern('promised')
  async promised(): Promise<Observable<string>> {
    return Promise.resolve(of('a', 'b').pipe(delay(1)));
  }

  @MessagePattern('mixed')
  mixed(): Observable<unknown> {
    return of(null, 0, '', false, { a: [] }, [undefined]);
  }
}

export const streamedReplies: Topic = (stage) => {
  describe('streamed replies', () => {
    it('of 1,000 values arrive complete and in order', async () => {
      await stage.serve([Streams]);
      const expected = Array.from({ length: 1_000 }, (_, value) => value);
      await expect(askAll(stage.client(), 'count', 1_000)).resolves.toEqual(expected);
    });

    it('with pauses between values arrive in order, several at once', async () => {
      await stage.serve([Streams]);
      const client = stage.client();
      const streams = await Promise.all([10, 30, 50].map((n) => askAll(client, 'count.slowly', n)));
      expect(streams).toEqual([10, 30, 50].map((n) => Array.from({ length: n }, (_, value) => value)));
    });

    it('complete when the handler completes, not before', async () => {
      const gate = deferred();
      finish.promise = gate.promise;
      await stage.serve([Streams]);
      const values: unknown[] = [];
      let completed = false;
      const first = deferred();
      stage
        .client()
        .send('late.end', {})
        .subscribe({
          next: (value) => first.resolve(void values.push(value)),
          complete: () => (completed = true),
        })
        .add(() => first.resolve());
      await within(5_000, 'the first value', first.promise);
      expect({ values, completed }).toEqual({ values: ['first'], completed: false });
      gate.resolve();
      await expect(askAll(stage.client(), 'late.end', {})).resolves.toEqual(['first']);
      expect(completed).toBe(true);
    });

    it('may be empty, may come from a promise and may hold any value', async () => {
      await stage.serve([Streams]);
      const client = stage.client();
      await expect(askAll(client, 'nothing', {})).resolves.toEqual([]);
      await expect(askAll(client, 'promised', {})).resolves.toEqual(['a', 'b']);
      await expect(askAll(client, 'mixed', {})).resolves.toEqual([null, 0, '', false, { a: [] }, [null]]);
    });

    it('that fail after some values deliver the values, then the error', async () => {
      await stage.serve([Streams]);
      const values: number[] = [];
      const call = new Promise((resolve, reject) => {
        stage
          .client()
          .send<number>('breaks', {})
          .subscribe({ next: (value) => values.push(value), error: reject, complete: () => resolve(undefined) });
      });
      expect(await failureOf(within(5_000, 'the error', call))).toEqual({ status: 'error', message: 'broken' });
      expect(values).toEqual([0, 1, 2]);
    });

    it('that the caller ends early do not disturb later calls', async () => {
      await stage.serve([Streams]);
      const client = stage.client({ maxPending: 2 });
      for (let round = 0; round < 5; round += 1) {
        const some = lastValueFrom(client.send<number>('count', 200).pipe(take(3), toArray()));
        await expect(within(5_000, 'three values', some)).resolves.toEqual([0, 1, 2]);
      }
      await expect(ask(client, 'promised', {})).resolves.toBe('a');
    });

    it('that stall end with a timeout that counts from the last value', async () => {
      finish.promise = new Promise<void>(() => undefined);
      await stage.serve([Streams], { option: { shutdownTimeout: 100 } });
      const values: unknown[] = [];
      const call = new Promise((resolve, reject) => {
        stage
          .client({ requestTimeout: 1_000 })
          .send('late.end', {})
          .subscribe({ next: (value) => values.push(value), error: reject, complete: () => resolve(undefined) });
      });
      expect(await failureOf(within(5_000, 'the timeout', call))).toBeInstanceOf(RequestTimeoutError);
      expect(values).toEqual(['first']);
    });
  });
};
