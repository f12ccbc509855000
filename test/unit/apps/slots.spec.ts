import { Slots } from '../../../apps/responder/src/campaigns/email/slots.js';
import { deferred } from '../../support/deferred.js';

describe('slots', () => {
  it('run as much work at the same time as there are slots, in order, and go on after a failure', async () => {
    const slots = new Slots(2);
    const started: number[] = [];
    const ends = Array.from({ length: 4 }, () => deferred<void>());
    const runs = ends.map((end, n) =>
      slots.run(() => {
        started.push(n);
        return end.promise;
      }),
    );
    expect(started).toEqual([0, 1]);
    ends[1]?.reject(new Error('no'));
    await expect(runs[1]).rejects.toThrow('no');
    expect(started).toEqual([0, 1, 2]);
    for (const end of ends) end.resolve();
    await Promise.allSettled(runs);
    expect(started).toEqual([0, 1, 2, 3]);
    expect(await slots.run(() => Promise.resolve('free again'))).toBe('free again');
  });
});
