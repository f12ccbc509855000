import { RequestCancelledError } from '../../../lib/errors/transport-errors.js';
import { RunningRequests } from '../../../lib/server/running/running-requests.js';
import type { CancellableRun } from '../../../lib/server/running/running-requests.js';

/** Writes down why it was cancelled. */
class Run implements CancellableRun {
  readonly reasons: Error[] = [];

  cancel(reason: Error): void {
    this.reasons.push(reason);
  }
}

describe('RunningRequests', () => {
  it('cancels the run of a request, and says why', () => {
    const requests = new RunningRequests();
    const [one, two] = [new Run(), new Run()];
    requests.add('a', one);
    requests.add('b', two);
    requests.cancel('a', 'its caller has stopped waiting');
    expect(one.reasons).toEqual([expect.any(RequestCancelledError)]);
    expect(one.reasons[0]?.message).toContain('its caller has stopped waiting');
    expect(two.reasons).toEqual([]);
  });

  it('ignores ids of other servers, and of runs that are over', () => {
    const requests = new RunningRequests();
    const run = new Run();
    requests.cancel('a', 'gone');
    requests.add('a', run);
    requests.remove('a', run);
    requests.cancel('a', 'gone');
    expect(run.reasons).toEqual([]);
    expect(requests.size).toBe(0);
  });

  it('keeps the later of two runs of one id when the earlier is over', () => {
    const requests = new RunningRequests();
    const [earlier, later] = [new Run(), new Run()];
    requests.add('a', earlier);
    requests.add('a', later);
    requests.remove('a', earlier);
    expect(requests.size).toBe(1);
    requests.cancel('a', 'gone');
    expect([earlier.reasons.length, later.reasons.length]).toEqual([0, 1]);
  });

  it('takes ids that are names of object properties for what they are', () => {
    const requests = new RunningRequests();
    expect(() => requests.cancel('__proto__', 'gone')).not.toThrow();
    expect(() => requests.cancel('constructor', 'gone')).not.toThrow();
    expect(requests.size).toBe(0);
  });
});
