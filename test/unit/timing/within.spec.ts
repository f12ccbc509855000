import { within } from '../../../lib/timing/within.js';
import { deferred } from '../../support/deferred.js';

const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;

describe('within', () => {
  it('returns the result of work that finishes in time, and keeps no timer', async () => {
    const before = timers();
    expect(await within(60_000, Promise.resolve(7))).toBe(7);
    expect(timers()).toBe(before);
  });

  it('returns undefined for work that fails, and keeps no timer', async () => {
    const before = timers();
    expect(await within(60_000, Promise.reject(new Error('oops')))).toBeUndefined();
    expect(timers()).toBe(before);
  });

  it('returns undefined for work that hangs, when its time is over', async () => {
    const begun = performance.now();
    expect(await within(30, new Promise<number>(() => undefined))).toBeUndefined();
    expect(performance.now() - begun).toBeGreaterThanOrEqual(28);
    expect(performance.now() - begun).toBeLessThan(5_000);
  });

  it('swallows a failure that comes too late', async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', note);
    const late = deferred<number>();
    expect(await within(1, late.promise)).toBeUndefined();
    late.reject(new Error('too late'));
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });
});
