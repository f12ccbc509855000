import type { MessageHandler } from '@nestjs/microservices';
import { NEVER, Observable, Subject, of, throwError } from 'rxjs';
import { NO_MESSAGE_HANDLER } from '../../../lib/constants.js';
import type { RedisStreamContext } from '../../../lib/context/redis-stream.context.js';
import { RequestCancelledError } from '../../../lib/errors/transport-errors.js';
import type { GroupStream } from '../../../lib/server/holding/group-stream.js';
import type { HeldEntry } from '../../../lib/server/holding/held-entry.js';
import { ConcurrencyGate } from '../../../lib/server/running/concurrency-gate.js';
import type { RunParts } from '../../../lib/server/running/entry-run.js';
import { Lane } from '../../../lib/server/running/lane.js';
import { RunningRequests } from '../../../lib/server/running/running-requests.js';
import { deferred } from '../../support/deferred.js';
import { eventually } from '../../support/eventually.js';
import { useRedis } from '../../support/use-redis.js';
import { entriesOf, pendingOf } from '../../support/stream-view.js';
import type { Fields } from '../../support/stream-view.js';
import { delivered, nextOf } from './support/delivered.js';
import { groupStreamOf, handlerOf, routeOf } from './support/entries.js';
import type { RouteParts } from './support/entries.js';
import { ServerParts, writerTo } from './support/server-parts.js';

const ID = '0b8d5e0e-0f3c-4a7b-9d53-2f3a3b1c4d5e';
const INBOX = '7c1f6a52-93d4-4c1e-8a0b-5d6e7f8091a2';
const REPLIES = `reply:${INBOX}`;
const EVENT = ['data', '7'];
const REQUEST = ['data', '7', 'id', ID, 'reply', INBOX];

const oops = new Error('oops');
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('EntryRun', () => {
  const redis = useRedis();
  let parts: ServerParts;
  let lane: Lane;
  let groupStream: GroupStream;
  let requests: RunningRequests;

  beforeEach(async () => {
    await redis.raw.xadd(REPLIES, '*', 'open', '1');
  });
  afterEach(() => parts.close());

  /** A lane with one slot for one group stream. */
  async function laneOf(route: RouteParts, overrides: Partial<RunParts> = {}): Promise<void> {
    const writer = writerTo(redis.process.port);
    parts = new ServerParts(writer, overrides);
    writer.open();
    await writer.ready();
    groupStream = groupStreamOf('app:sum', routeOf(route));
    requests = new RunningRequests([groupStream]);
    lane = new Lane(groupStream.group, [groupStream], new ConcurrencyGate(1), parts.run);
  }

  async function run(fields: readonly string[]): Promise<HeldEntry> {
    const entry = await delivered(redis.raw, groupStream, fields);
    lane.run(entry);
    return entry;
  }

  async function runToTheEnd(fields: readonly string[]): Promise<HeldEntry> {
    const entry = await run(fields);
    await eventually(() => expect(entry.phase).toBe('released'));
    expect(lane.gate.isIdle).toBe(true);
    return entry;
  }

  const replies = async (): Promise<Fields[]> =>
    (await entriesOf(redis.raw, REPLIES)).slice(1).map(({ fields: { run: _run, ...fields } }) => fields);
  const lengthOfStream = (): Promise<number> => redis.raw.xlen(groupStream.stream);
  const pending = (): Promise<number> => pendingOf(redis.raw, groupStream.stream, groupStream.group);
  const letters = async (): Promise<Fields[]> =>
    (await entriesOf(redis.raw, groupStream.deadLetterStream)).map(({ fields }) => fields);

  describe('of an event', () => {
    it('runs all event handlers, and no request handler', async () => {
      const seen: unknown[] = [];
      const note = (name: string): MessageHandler => handlerOf((data) => void seen.push([name, data]));
      await laneOf({ events: [note('one'), note('two')], message: note('message') });
      await runToTheEnd(EVENT);
      expect(seen).toEqual([
        ['one', 7],
        ['two', 7],
      ]);
      expect([await pending(), await lengthOfStream()]).toEqual([0, 1]);
    });

    it('runs the message handler where there is no event handler', async () => {
      const seen: unknown[] = [];
      await laneOf({ message: handlerOf((data) => of(seen.push(data))) });
      await runToTheEnd(EVENT);
      expect(seen).toEqual([7]);
      expect(await replies()).toEqual([]);
    });

    it('becomes a dead letter where there is no handler, since no attempt would help', async () => {
      await laneOf({});
      await runToTheEnd(EVENT);
      expect(await letters()).toMatchObject([{ 'x-reason': 'unrecoverable', 'x-error': NO_MESSAGE_HANDLER }]);
    });

    it('waits without a slot for another attempt after a failure', async () => {
      await laneOf({ events: [handlerOf(() => throwError(() => oops))], extras: { backoff: { delay: 60_000 } } });
      const entry = await run(EVENT);
      await eventually(() => expect(entry.phase).toBe('waiting'));
      expect([lane.gate.free, groupStream.backlog, await pending()]).toEqual([1, 1, 1]);
      expect(parts.emitted).toMatchObject([['retried', { id: entry.id, attempt: 1 }]]);
    });

    it('becomes a dead letter after its last attempt', async () => {
      await laneOf({ events: [handlerOf(() => throwError(() => oops))], extras: { maxAttempts: 1 } });
      await runToTheEnd(EVENT);
      expect(await letters()).toMatchObject([{ 'x-reason': 'failed', 'x-error': 'oops' }]);
    });

    it('becomes a dead letter where its handler asks for it, although the handler completes', async () => {
      const handler = handlerOf((_data, context) => (context as RedisStreamContext).deadLetter('not ours'));
      await laneOf({ events: [handler] });
      await runToTheEnd(EVENT);
      expect(await letters()).toMatchObject([{ 'x-reason': 'rejected', 'x-error': 'not ours' }]);
    });

    it('is acked without a run where it was redriven for another group', async () => {
      let runs = 0;
      await laneOf({ events: [handlerOf(() => runs++)] });
      await runToTheEnd(['x-only-group', 'mailer', ...EVENT]);
      expect([runs, await pending(), await lengthOfStream()]).toEqual([0, 0, 1]);
    });
  });

  describe('of a request', () => {
    it('runs only the message handler, answers, and deletes the entry', async () => {
      const seen: string[] = [];
      await laneOf({
        events: [handlerOf(() => seen.push('event'))],
        message: handlerOf((data) => {
          seen.push('message');
          return of(data, 8);
        }),
      });
      await runToTheEnd(REQUEST);
      expect(seen).toEqual(['message']);
      expect(await replies()).toEqual([
        { id: ID, seq: '0', data: '7' },
        { id: ID, seq: '1', data: '8', last: '1' },
      ]);
      expect([await pending(), await lengthOfStream()]).toEqual([0, 0]);
    });

    it('is answered by the first event handler where there is no message handler and no other group', async () => {
      await laneOf({ events: [handlerOf(() => 'first'), handlerOf(() => 'second')] });
      await runToTheEnd(REQUEST);
      expect(await replies()).toEqual([{ id: ID, seq: '0', data: '"first"', last: '1' }]);
      expect(await lengthOfStream()).toBe(0);
    });

    it('is run like an event by event handlers where another group reads the stream, neither answered nor deleted', async () => {
      const seen: string[] = [];
      const events = ['first', 'second'].map((name) => handlerOf(() => seen.push(name)));
      await laneOf({ events }, { isOnlyGroup: () => Promise.resolve(false) });
      await runToTheEnd(REQUEST);
      expect(seen).toEqual(['first', 'second']);
      expect([await replies(), await pending(), await lengthOfStream()]).toEqual([[], 0, 1]);
    });

    it('is answered with an error where there is no handler', async () => {
      await laneOf({});
      await runToTheEnd(REQUEST);
      expect(await replies()).toEqual([{ id: ID, seq: '0', err: JSON.stringify(NO_MESSAGE_HANDLER), last: '1' }]);
      expect(await letters()).toEqual([]);
    });

    it('is answered and settled when it fails, without a retry or a dead letter', async () => {
      await laneOf({ message: handlerOf(() => throwError(() => ({ status: 'error', message: 'no' }))) });
      await runToTheEnd(REQUEST);
      expect(await replies()).toEqual([{ id: ID, seq: '0', err: '{"status":"error","message":"no"}', last: '1' }]);
      expect([await pending(), await lengthOfStream(), await letters(), parts.emitted]).toEqual([0, 0, [], []]);
    });

    it('is also answered when it fails in its last attempt', async () => {
      await laneOf({ message: handlerOf(() => throwError(() => 'no')), extras: { maxAttempts: 1 } });
      await runToTheEnd(REQUEST);
      expect([(await replies())[0]?.['err'], await letters()]).toEqual(['"no"', []]);
    });

    it('is dropped without a run when its caller has stopped waiting', async () => {
      let runs = 0;
      await laneOf({ message: handlerOf(() => runs++) });
      // Its id dates it to 1970.
      await redis.raw.xadd(groupStream.stream, '1-0', ...REQUEST, 'ttl', '30000');
      const entry = await nextOf(redis.raw, groupStream);
      lane.run(entry);
      await eventually(() => expect(entry.phase).toBe('released'));
      expect(runs).toBe(0);
      expect(parts.emitted).toEqual([['requestExpired', entry.place]]);
      expect(await lengthOfStream()).toBe(0);
    });

    it('stays in the stream for the group that it was redriven for', async () => {
      await laneOf({ message: handlerOf(() => 'wrong group') });
      const mailer = groupStreamOf('app:sum', routeOf({ group: 'mailer' }));
      await runToTheEnd(['x-only-group', 'mailer', ...REQUEST]);
      expect([await replies(), await pending(), await lengthOfStream()]).toEqual([[], 0, 1]);
      expect((await nextOf(redis.raw, mailer)).takeFields()).toContain(INBOX);
    });
  });

  describe('of a request whose caller stops waiting', () => {
    it('unsubscribes, aborts the signal, frees the slot and settles without an answer', async () => {
      const subject = new Subject();
      let context: RedisStreamContext | undefined;
      const handler = handlerOf((_data, given) => {
        context = given as RedisStreamContext;
        return subject;
      });
      await laneOf({ message: handler });
      const entry = await run(REQUEST);
      requests.cancel(ID, 'its caller has stopped waiting');
      expect([subject.observed, context?.signal.aborted, lane.gate.isIdle]).toEqual([false, true, true]);
      expect(context?.signal.reason).toBeInstanceOf(RequestCancelledError);
      await eventually(() => expect(entry.phase).toBe('released'));
      expect([await replies(), await pending(), await lengthOfStream()]).toEqual([[], 0, 0]);
    });

    it('ends the run when a part finds no reply stream for a second', async () => {
      await redis.raw.del(REPLIES);
      const source = new Subject();
      await laneOf({ message: handlerOf(() => source) });
      const entry = await run(REQUEST);
      source.next(1);
      await eventually(() => expect(entry.phase).toBe('released'));
      expect(source.observed).toBe(false);
      expect(parts.emitted).toMatchObject([['replyDropped', { stream: 'app:sum', id: ID }]]);
      expect([await pending(), await lengthOfStream(), lane.gate.isIdle]).toEqual([0, 0, true]);
    });

    it('ends the run when a value cannot be sent, and sends the caller the reason', async () => {
      const source = new Subject();
      await laneOf({ message: handlerOf(() => source) });
      const entry = await run(REQUEST);
      source.next(1n);
      expect([source.observed, lane.gate.isIdle]).toEqual([false, true]);
      await eventually(() => expect(entry.phase).toBe('released'));
      expect((await replies())[0]?.['err']).toContain('cannot be written as JSON');
    });
  });

  describe('of an entry that is lost', () => {
    it('unsubscribes, aborts the signal and releases the entry', async () => {
      let isOpen = true;
      let signal: AbortSignal | undefined;
      const handler = handlerOf((_data, context) => {
        signal = (context as RedisStreamContext).signal;
        return new Observable(() => () => (isOpen = false));
      });
      await laneOf({ events: [handler] });
      const entry = await run(EVENT);
      entry.lose(oops);
      expect([isOpen, signal?.aborted, entry.phase, lane.gate.isIdle]).toEqual([false, true, 'released', true]);
      expect(await pending()).toBe(1);
    });

    it('keeps the entry held, without a slot, until the promise of its handler has settled', async () => {
      const slow = deferred();
      await laneOf({ events: [handlerOf(() => slow.promise)] });
      const entry = await run(EVENT);
      entry.lose(oops);
      expect([entry.phase, groupStream.holds(entry.id), lane.gate.isIdle]).toEqual(['lost', true, true]);
      slow.resolve();
      await turn();
      expect([entry.phase, groupStream.holds(entry.id)]).toEqual(['released', false]);
      expect(await pending()).toBe(1);
    });

    it('keeps the entry held although an earlier attempt, which timed out, settles in the meantime', async () => {
      const runs = [deferred(), deferred()];
      let attempts = 0;
      const handler = handlerOf(() => runs[attempts++]?.promise);
      await laneOf({ events: [handler], extras: { handlerTimeout: 50, backoff: { delay: 0 } } });
      const entry = await run(EVENT);
      await eventually(() => expect(entry.phase).toBe('waiting'));
      entry.retake(2, EVENT);
      lane.run(entry);
      expect([entry.phase, attempts]).toEqual(['running', 2]);
      entry.lose(oops);
      runs[0]?.resolve();
      await turn();
      expect(entry.phase).toBe('lost');
      runs[1]?.resolve();
      await turn();
      expect(entry.phase).toBe('released');
    });

    it('does not start where the entry was lost while it waited for a slot', async () => {
      let runs = 0;
      await laneOf({ events: [handlerOf(() => (runs++, NEVER))] });
      const first = await run(EVENT);
      const second = await run(EVENT);
      second.lose(oops);
      first.lose(oops);
      expect([runs, second.phase, lane.gate.isIdle]).toEqual([1, 'released', true]);
    });
  });

  it('starts nothing once the server stops, and frees the slot', async () => {
    let runs = 0;
    await laneOf({ events: [handlerOf(() => runs++)] }, { isStopped: () => true });
    const entry = await run(EVENT);
    expect([runs, entry.phase, lane.gate.isIdle]).toEqual([0, 'queued', true]);
  });

  it('counts a hook that throws before the handler as a failed attempt', async () => {
    let runs = 0;
    await laneOf(
      { events: [handlerOf(() => runs++)] },
      { hooks: { started: (_context, processed) => processed.hookFailed(oops), ended: () => undefined } },
    );
    const entry = await run(EVENT);
    expect([runs, entry.phase, lane.gate.isIdle]).toEqual([0, 'waiting', true]);
  });

  it('ends the hooks once for each run, however it ends', async () => {
    let ends = 0;
    const hooks: RunParts['hooks'] = { started: (_context, processed) => void processed.work(), ended: () => ends++ };
    await laneOf({ message: handlerOf(() => NEVER), events: [handlerOf(() => 7)] }, { hooks });
    await runToTheEnd(EVENT);
    expect(ends).toBe(1);
    await run(REQUEST);
    requests.cancel(ID, 'gone');
    requests.cancel(ID, 'gone');
    expect(ends).toBe(2);
  });

  describe('of an entry that is given up', () => {
    it('answers a request with an error, and stores it as a dead letter', async () => {
      await laneOf({ message: handlerOf(() => 7) });
      const entry = await delivered(redis.raw, groupStream, REQUEST);
      lane.abandon(entry);
      await eventually(() => expect(entry.phase).toBe('released'));
      await eventually(async () => expect(await replies()).toHaveLength(1));
      expect((await replies())[0]).toMatchObject({
        id: ID,
        err: expect.stringContaining('Its consumer died') as string,
      });
      expect(await letters()).toMatchObject([{ 'x-reason': 'abandoned' }]);
    });

    it('neither answers nor deletes a request that is for another group to answer', async () => {
      await laneOf({ events: [handlerOf(() => 7)] }, { isOnlyGroup: () => Promise.resolve(false) });
      const entry = await delivered(redis.raw, groupStream, REQUEST);
      lane.abandon(entry);
      await eventually(() => expect(entry.phase).toBe('released'));
      expect([await replies(), await lengthOfStream()]).toEqual([[], 1]);
      expect(await letters()).toMatchObject([{ 'x-reason': 'abandoned' }]);
    });
  });

  describe('of an undecodable request', () => {
    const BROKEN = ['data', '{', ...REQUEST.slice(2)];

    it('is answered and deleted by the group that answers its stream', async () => {
      await laneOf({ message: handlerOf(() => 7) });
      await runToTheEnd(BROKEN);
      await eventually(async () => expect(await replies()).toHaveLength(1));
      expect((await replies())[0]?.['err']).toContain('Field `data`');
      expect([await lengthOfStream(), (await letters())[0]?.['x-reason']]).toEqual([0, 'undecodable']);
    });

    it('is neither answered nor deleted by event handlers where another group reads the stream', async () => {
      await laneOf({ events: [handlerOf(() => 7)] }, { isOnlyGroup: () => Promise.resolve(false) });
      await runToTheEnd(BROKEN);
      expect([await replies(), await lengthOfStream(), (await letters())[0]?.['x-reason']]).toEqual([
        [],
        1,
        'undecodable',
      ]);
    });

    it('is released where it is lost while Redis is asked which group answers', async () => {
      const answer = deferred<boolean>();
      await laneOf({ events: [handlerOf(() => 7)] }, { isOnlyGroup: () => answer.promise });
      const entry = await run(BROKEN);
      entry.lose(oops);
      answer.resolve(true);
      await turn();
      expect([entry.phase, lane.gate.isIdle, await replies(), await letters()]).toEqual(['released', true, [], []]);
    });
  });
});
