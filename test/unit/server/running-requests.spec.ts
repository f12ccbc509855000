import { RequestCancelledError } from '../../../lib/errors/transport-errors.js';
import type { HeldEntry } from '../../../lib/server/holding/held-entry.js';
import { RunningRequests } from '../../../lib/server/running/running-requests.js';
import { groupStreamOf, quietRun, takenFrom } from './support/entries.js';

describe('RunningRequests', () => {
  const streams = [groupStreamOf('app:sum'), groupStreamOf('app:other')] as const;
  const requests = new RunningRequests(streams);
  let reasons: Record<string, Error[]>;

  beforeEach(() => (reasons = {}));
  afterEach(() => {
    for (const { entries } of streams) for (const entry of entries) entry.release();
  });

  /** An entry that holds a request. */
  function held(at: 0 | 1, entryId: string, requestId: string): HeldEntry {
    const entry = takenFrom(streams[at], entryId);
    entry.request = { id: requestId, inbox: 'inbox', ttl: 0 };
    entry.queue();
    return entry;
  }

  /** Like `held`, with a running handler; records the reasons it is cancelled for. */
  function running(at: 0 | 1, entryId: string, requestId: string): HeldEntry {
    const entry = held(at, entryId, requestId);
    const heard: Error[] = (reasons[entryId] = []);
    entry.run({ ...quietRun, cancel: (reason) => void heard.push(reason) });
    return entry;
  }

  it('cancels the run of a request in any stream, with the reason', () => {
    running(0, '1-0', 'a');
    running(1, '2-0', 'b');
    requests.cancel('b', 'its caller has stopped waiting');
    expect(reasons).toEqual({ '1-0': [], '2-0': [expect.any(RequestCancelledError)] });
    expect(reasons['2-0']?.[0]?.message).toContain('its caller has stopped waiting');
  });

  it('ignores ids of other servers, requests that wait for a slot, and runs that are over', () => {
    running(0, '1-0', 'a').settle();
    running(0, '2-0', 'b').lose(new Error('another consumer has it'));
    held(0, '3-0', 'c');
    for (const id of ['a', 'b', 'c', 'd']) requests.cancel(id, 'gone');
    expect(reasons).toEqual({ '1-0': [], '2-0': [] });
  });

  it('cancels both runs of an id that was sent twice', () => {
    running(0, '1-0', 'a');
    running(0, '2-0', 'a');
    requests.cancel('a', 'gone');
    expect(Object.values(reasons).map(({ length }) => length)).toEqual([1, 1]);
  });
});
