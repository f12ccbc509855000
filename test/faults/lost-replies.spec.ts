import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { concat, concatMap, from, lastValueFrom, of, range, toArray } from 'rxjs';
import type { Observable } from 'rxjs';
import { deferred } from '../support/deferred.js';
import type { Deferred } from '../support/deferred.js';
import { eventually, within } from '../support/eventually.js';
import { useStage } from '../support/stage.js';

/** Far below the request timeout, far above the time that a client takes to notice. */
const WELL_BEFORE_MS = 4_000;
const CLIENT = { requestTimeout: 20_000 };

const stage = useStage();
let gate: Deferred;
let started = 0;

beforeEach(() => {
  gate = deferred();
  started = 0;
});

@Controller()
class Keeper {
  @MessagePattern('one')
  async one(@Payload() data: unknown): Promise<unknown> {
    started += 1;
    await gate.promise;
    return data;
  }

  @MessagePattern('many')
  many(): Observable<number> {
    started += 1;
    return concat(range(0, 3), from(gate.promise).pipe(concatMap(() => range(3, 100))));
  }

  @MessagePattern('none')
  none(): Observable<never> {
    started += 1;
    return concat(of(1), from(gate.promise)).pipe(concatMap(() => []));
  }
}

describe('a reply whose reply stream Redis has lost', () => {
  it.each<[string, () => Promise<unknown>]>([
    ['FLUSHALL', () => stage.raw.flushall()],
    ['the loss of reply streams only', async () => stage.raw.del(...(await stage.raw.keys('*reply:*')))],
  ])('arrives well before the timeout of its caller after %s', async (_what, forget) => {
    await stage.serve([Keeper]);
    const answers = Promise.all([1, 2, 3].map((n) => lastValueFrom(stage.client(CLIENT).send('one', n))));
    await eventually(() => expect(started).toBe(3));
    await forget();
    gate.resolve();
    expect(await within(WELL_BEFORE_MS, 'the answers', answers)).toEqual([1, 2, 3]);
  });

  it('is complete and in order if it has many values', async () => {
    await stage.serve([Keeper]);
    const seen: number[] = [];
    const call = stage.client(CLIENT).send<number>('many', {});
    const all = new Promise<number[]>((resolve, reject) => {
      call.subscribe({ next: (value) => seen.push(value), error: reject, complete: () => resolve(seen) });
    });
    await eventually(() => expect(seen).toEqual([0, 1, 2]));
    await stage.raw.flushall();
    gate.resolve();
    expect(await within(WELL_BEFORE_MS, 'the end of the reply', all)).toEqual(Array.from({ length: 103 }, (_, n) => n));
  });

  it('arrives even if it has no values', async () => {
    await stage.serve([Keeper]);
    const values = lastValueFrom(stage.client(CLIENT).send('none', {}).pipe(toArray()));
    await eventually(() => expect(started).toBe(1));
    await stage.raw.flushall();
    gate.resolve();
    expect(await within(WELL_BEFORE_MS, 'the end of the reply', values)).toEqual([]);
  });

  it('arrives even if its caller lost the connection at the same time', async () => {
    await stage.serve([Keeper]);
    const answer = lastValueFrom(stage.client(CLIENT).send('one', 'kept'));
    await eventually(() => expect(started).toBe(1));
    await stage.raw.flushall();
    gate.resolve();
    await stage.killConnections();
    expect(await within(WELL_BEFORE_MS, 'the answer', answer)).toBe('kept');
  });
});
