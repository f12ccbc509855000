import { jest } from '@jest/globals';
import type { ReplyPart } from '../../../lib/codec/entry.codec.js';
import { PendingRequests } from '../../../lib/client/pending-requests.js';
import type { ReplyListener } from '../../../lib/client/pending-requests.js';
import {
  ReplyGapError,
  ReplyInterruptedError,
  RequestTimeoutError,
  TooManyPendingError,
  TransportClosedError,
} from '../../../lib/errors/transport-errors.js';

/** Records what it receives. */
class Caller implements ReplyListener {
  readonly told: string[] = [];
  readonly errors: Error[] = [];
  readonly pattern = 'sum';

  constructor(readonly timeoutMs = 1_000) {}

  replied({ seq, data, last }: { seq: number; data?: string; last: boolean }): void {
    this.told.push(`${seq}:${data ?? ''}${last ? '.' : ''}`);
  }

  unanswered(error: Error): void {
    this.errors.push(error);
  }
}

const value = (id: string, seq: number, last = false): { id: string; seq: number; data: string; last: boolean } => ({
  id,
  seq,
  data: `v${seq}`,
  last,
});

/** A part of the reply of one run, where the handler ran several times. */
const partOf = (run: string, seq: number, end?: 'last' | 'err'): ReplyPart => ({
  id: 'a',
  seq,
  run,
  last: end !== undefined,
  ...(end === 'err' ? { err: '{}' } : { data: `${run}${seq}` }),
});

describe('PendingRequests', () => {
  let pending: PendingRequests;
  let caller: Caller;

  beforeEach(() => {
    jest.useFakeTimers();
    pending = new PendingRequests(100);
    caller = new Caller();
    pending.add('a', caller);
  });
  afterEach(() => jest.useRealTimers());

  it('delivers the parts of a reply in order, and forgets the request with the last part', () => {
    pending.deliver(value('a', 0));
    pending.deliver(value('a', 1));
    pending.deliver(value('a', 2, true));
    expect(caller.told).toEqual(['0:v0', '1:v1', '2:v2.']);
    expect(pending.size).toBe(0);
  });

  it('forgets a request with an error, whether or not the part is marked as the last', () => {
    pending.deliver({ id: 'a', seq: 0, err: '{}', last: false });
    expect(caller.told).toHaveLength(1);
    expect(pending.has('a')).toBe(false);
  });

  it('ignores repeated parts, which servers write when they cannot know that the first copy arrived', () => {
    for (const part of [value('a', 0), value('a', 0), value('a', 1), value('a', 0), value('a', 1)])
      pending.deliver(part);
    expect(caller.told).toEqual(['0:v0', '1:v1']);
    expect(caller.errors).toEqual([]);
  });

  it('ignores parts after the last one, and unknown ids', () => {
    pending.deliver(value('a', 0, true));
    pending.deliver(value('a', 1));
    pending.deliver(value('stranger', 0));
    expect(caller.told).toEqual(['0:v0.']);
    expect(caller.errors).toEqual([]);
  });

  it('turns a gap into an error that names what is missing, and delivers nothing after it', () => {
    pending.deliver(value('a', 0));
    pending.deliver(value('a', 2));
    pending.deliver(value('a', 1));
    expect(caller.told).toEqual(['0:v0']);
    expect(caller.errors).toHaveLength(1);
    expect(caller.errors[0]).toBeInstanceOf(ReplyGapError);
    expect(caller.errors[0]?.message).toContain('expected number 1, got 2');
    expect(pending.size).toBe(0);
  });

  it('keeps to the run that it delivered first, whatever another run sends in between', () => {
    pending.deliver(partOf('A', 0));
    pending.deliver(partOf('B', 0));
    pending.deliver(partOf('B', 1));
    pending.deliver(partOf('A', 1));
    pending.deliver(partOf('A', 1));
    pending.deliver(partOf('B', 2));
    pending.deliver(partOf('A', 2, 'last'));
    pending.deliver(partOf('B', 3, 'last'));
    expect(caller.told).toEqual(['0:A0', '1:A1', '2:A2.']);
    expect(caller.errors).toEqual([]);
  });

  it.each<[string, ReplyPart]>([
    ['its last value', partOf('B', 2, 'last')],
    ['an error', partOf('B', 1, 'err')],
    ['a reply that is complete in one part', value('a', 0, true)],
  ])('fails a caller whose run was interrupted when another run ends first with %s', (_, end) => {
    pending.deliver(partOf('A', 0));
    pending.deliver(end);
    pending.deliver(partOf('A', 1, 'last'));
    expect(caller.told).toEqual(['0:A0']);
    expect(caller.errors).toHaveLength(1);
    expect(caller.errors[0]).toBeInstanceOf(ReplyInterruptedError);
    expect(pending.size).toBe(0);
  });

  it('looks for gaps only in the run that it delivers', () => {
    pending.deliver(partOf('A', 0));
    pending.deliver(partOf('B', 7));
    expect(caller.errors).toEqual([]);
    pending.deliver(partOf('A', 2));
    expect(caller.errors[0]).toBeInstanceOf(ReplyGapError);
  });

  it('treats all parts without a run id as one run', () => {
    for (const part of [value('a', 0), value('a', 0), value('a', 1), value('a', 2, true)]) pending.deliver(part);
    expect(caller.told).toEqual(['0:v0', '1:v1', '2:v2.']);
    expect(caller.errors).toEqual([]);
  });

  it('does not let another run extend the deadline', () => {
    pending.deliver(partOf('A', 0));
    jest.advanceTimersByTime(900);
    pending.deliver(partOf('B', 0));
    jest.advanceTimersByTime(200);
    expect(caller.errors[0]).toBeInstanceOf(RequestTimeoutError);
  });

  it('counts the parts of each request separately', () => {
    const other = new Caller();
    pending.add('b', other);
    pending.deliver(value('a', 0));
    pending.deliver(value('b', 0));
    pending.deliver(value('a', 1, true));
    pending.deliver(value('b', 1, true));
    expect([caller.told, other.told]).toEqual([
      ['0:v0', '1:v1.'],
      ['0:v0', '1:v1.'],
    ]);
  });

  it('forgets a request before it notifies the caller, which may send another at once', () => {
    const sizes: number[] = [];
    const asking = new PendingRequests(1);
    const again: ReplyListener = {
      pattern: 'sum',
      timeoutMs: 10,
      replied: () => {
        sizes.push(asking.size);
        asking.add('next', new Caller());
      },
      unanswered: () => undefined,
    };
    asking.add('first', again);
    asking.deliver(value('first', 0, true));
    expect(sizes).toEqual([0]);
    expect(asking.has('next')).toBe(true);
  });

  it('fails a request at its deadline, names pattern and time, and forgets the request', () => {
    jest.advanceTimersByTime(999);
    expect(caller.errors).toEqual([]);
    jest.advanceTimersByTime(50);
    expect(caller.errors).toHaveLength(1);
    expect(caller.errors[0]).toBeInstanceOf(RequestTimeoutError);
    expect(caller.errors[0]?.message).toBe('No reply to the request "sum" within 1000 ms.');
    expect(pending.size).toBe(0);
  });

  it('restarts the deadline with each part', () => {
    for (let seq = 0; seq < 5; seq++) {
      jest.advanceTimersByTime(900);
      pending.deliver(value('a', seq));
    }
    expect(caller.errors).toEqual([]);
    jest.advanceTimersByTime(1_100);
    expect(caller.errors).toHaveLength(1);
  });

  it('does not let a repeated part extend the deadline', () => {
    pending.deliver(value('a', 0));
    jest.advanceTimersByTime(900);
    pending.deliver(value('a', 0));
    jest.advanceTimersByTime(200);
    expect(caller.errors).toHaveLength(1);
  });

  it('lets a request with timeout 0 wait forever, without a timer', () => {
    pending.remove('a');
    jest.advanceTimersByTime(2_000);
    const patient = new Caller(0);
    pending.add('patient', patient);
    expect(jest.getTimerCount()).toBe(0);
    jest.advanceTimersByTime(7 * 24 * 3_600_000);
    pending.deliver(value('patient', 0, true));
    expect(patient.told).toEqual(['0:v0.']);
    expect(patient.errors).toEqual([]);
  });

  it('notifies no caller of a removed request, and returns whether the request was pending', () => {
    expect(pending.remove('a')).toBe(true);
    expect(pending.remove('a')).toBe(false);
    pending.deliver(value('a', 0, true));
    pending.fail('a', new Error('late'));
    jest.advanceTimersByTime(5_000);
    expect(caller.told).toEqual([]);
    expect(caller.errors).toEqual([]);
  });

  it('fails a request only once', () => {
    const first = new Error('first');
    pending.fail('a', first);
    pending.fail('a', new Error('second'));
    jest.advanceTimersByTime(5_000);
    expect(caller.errors).toEqual([first]);
  });

  it('accepts requests up to its limit, refuses the next one, and has room again after any outcome', () => {
    const capped = new PendingRequests(2);
    capped.add('a', caller);
    capped.add('b', caller);
    expect(() => capped.add('c', caller)).toThrow(TooManyPendingError);
    expect(capped.has('c')).toBe(false);
    capped.deliver(value('a', 0, true));
    capped.add('c', caller);
    expect(() => capped.add('d', caller)).toThrow(/2 messages are already pending/);
    capped.remove('b');
    expect(() => capped.add('d', caller)).not.toThrow();
  });

  it('fails every request when the client closes, and leaves no timer', () => {
    const other = new Caller(0);
    pending.add('b', other);
    const closed = new TransportClosedError('unknown');
    pending.failAll(closed);
    expect([caller.errors, other.errors]).toEqual([[closed], [closed]]);
    expect(pending.size).toBe(0);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('fails all pending requests, but none that a caller adds in response', () => {
    let asked = 0;
    const stubborn: ReplyListener = {
      pattern: 'sum',
      timeoutMs: 1_000,
      replied: () => undefined,
      unanswered: () => pending.add(`again-${asked++}`, asked === 1 ? stubborn : caller),
    };
    pending.remove('a');
    pending.add('b', stubborn);
    pending.add('c', caller);
    pending.failAll(new TransportClosedError('unknown'));
    expect(asked).toBe(1);
    expect(caller.errors).toHaveLength(1);
    expect([pending.size, pending.has('again-0')]).toEqual([1, true]);
    jest.advanceTimersByTime(1_100);
    expect([asked, pending.has('again-1')]).toEqual([2, true]);
  });

  it('does not notify a caller whose request was removed in response to another failure', () => {
    const last = new Caller();
    pending.add('quitter', {
      pattern: 'sum',
      timeoutMs: 1_000,
      replied: () => undefined,
      unanswered: () => pending.remove('last'),
    });
    pending.add('last', last);
    pending.failAll(new TransportClosedError('unknown'));
    expect(last.errors).toEqual([]);
  });

  it('leaves nothing behind after ten thousand timeouts', () => {
    const many = new PendingRequests(10_000);
    let failures = 0;
    const listener: ReplyListener = {
      pattern: 'sum',
      timeoutMs: 250,
      replied: () => undefined,
      unanswered: () => failures++,
    };
    for (let i = 0; i < 10_000; i++) many.add(String(i), listener);
    expect(many.size).toBe(10_000);
    jest.advanceTimersByTime(300);
    expect(failures).toBe(10_000);
    expect(many.size).toBe(0);
    pending.remove('a');
    jest.advanceTimersByTime(2_000);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('reports parts of unknown requests, whose handlers still run, but not the end of a reply', () => {
    const strays: string[] = [];
    const listening = new PendingRequests(10, (id) => strays.push(id));
    listening.deliver({ id: 'gone', seq: 3, data: '1', last: false });
    listening.deliver({ id: 'over', seq: 4, data: '1', last: true });
    listening.deliver({ id: 'failed', seq: 5, err: '1', last: false });
    expect(strays).toEqual(['gone']);
  });
});
