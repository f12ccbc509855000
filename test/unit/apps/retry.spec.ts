import { jest } from '@jest/globals';
import { RedisStreamUnrecoverableError } from 'nestjs-redis-stream-transport';
import { retry } from '../../../apps/responder/src/retry.js';

describe('retry', () => {
  it('repeats a step until it succeeds', async () => {
    let calls = 0;
    await retry(async () => {
      calls += 1;
      if (calls < 2) throw new Error('not yet');
    }, new AbortController().signal);
    expect(calls).toBe(2);
  });

  it('throws the error of the step once its signal aborts', async () => {
    const controller = new AbortController();
    const step = jest.fn(async (): Promise<void> => {
      controller.abort(new Error('the lease is lost'));
      throw new Error('the database is away');
    });
    await expect(retry(step, controller.signal)).rejects.toThrow('the database is away');
    expect(step).toHaveBeenCalledTimes(1);
  });

  it('throws at once what a repetition cannot help', async () => {
    const step = jest.fn(async (): Promise<void> => {
      throw new RedisStreamUnrecoverableError('the database cannot store it');
    });
    await expect(retry(step, new AbortController().signal)).rejects.toThrow('cannot store it');
    expect(step).toHaveBeenCalledTimes(1);
  });
});
