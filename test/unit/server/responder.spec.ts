import { jest } from '@jest/globals';
import type { Serializer } from '@nestjs/microservices';
import { MAX_WAITING_REPLY_BYTES, MAX_WAITING_REPLY_PARTS } from '../../../lib/constants.js';
import { RequestCancelledError } from '../../../lib/errors/transport-errors.js';
import type { Connection } from '../../../lib/redis/connection.js';
import { ServerEventEmitter } from '../../../lib/server/holding/server-events.js';
import type { HeldEntry } from '../../../lib/server/holding/held-entry.js';
import { Responders } from '../../../lib/server/settling/responder.js';
import type { OutgoingReply, ReplyRules, Responder } from '../../../lib/server/settling/responder.js';
import { Settler } from '../../../lib/server/settling/settler.js';
import { ThrottledLog } from '../../../lib/server/throttled-log.js';
import { groupStreamOf, runningIn } from './support/entries.js';
import { writerTo } from './support/server-parts.js';

const ID = '0b8d5e0e-0f3c-4a7b-9d53-2f3a3b1c4d5e';
const INBOX = '7c1f6a52-93d4-4c1e-8a0b-5d6e7f8091a2';
const ALL = { count: 100_000, bytes: Infinity };

/** Writes down what it would queue for Redis. */
class RecordingSettler extends Settler {
  readonly offered: Responder[] = [];
  readonly acked: HeldEntry[] = [];

  override offer(responder: Responder): void {
    this.offered.push(responder);
  }

  override enqueueAck(entry: HeldEntry): void {
    this.acked.push(entry);
  }
}

describe('Responder', () => {
  let writer: Connection;
  let settler: RecordingSettler;
  let entry: HeldEntry;
  let cancelled: Error[];

  beforeEach(() => {
    writer = writerTo();
    const events = new ServerEventEmitter(() => undefined);
    settler = new RecordingSettler({ writer, leaseMs: 30_000, events, log: new ThrottledLog(() => undefined) });
    entry = runningIn(groupStreamOf());
    cancelled = [];
  });
  afterEach(() => writer.close());

  function responderOf(rules: Partial<ReplyRules> = {}): Responder {
    const responders = new Responders(settler, {
      prefix: 'app:',
      maxPayloadBytes: 1_048_576,
      serializer: undefined,
      ...rules,
    });
    return responders.of(entry, { id: ID, inbox: INBOX, ttl: 0 }, { cancel: (reason) => void cancelled.push(reason) });
  }

  const taken = (responder: Responder, { count, bytes } = ALL): OutgoingReply[] => responder.take(count, bytes);
  const dataOf = (parts: readonly OutgoingReply[]): (string | undefined)[] => parts.map(({ data }) => data);

  it('writes to the reply stream of its caller, and is offered with each part', () => {
    const responder = responderOf();
    expect(responder).toMatchObject({ key: `app:reply:${INBOX}`, stream: 'app:sum', requestId: ID, hasParts: false });
    responder.value(1);
    responder.value(2);
    expect(settler.offered).toEqual([responder, responder]);
    expect(responder.hasParts).toBe(true);
  });

  it('numbers its parts in the order of the values', () => {
    const responder = responderOf();
    for (const value of [1, null, undefined, { a: 'é' }]) responder.value(value);
    responder.done();
    expect(taken(responder)).toMatchObject([
      { id: ID, seq: 0, data: '1', last: false },
      { seq: 1, data: 'null', last: false },
      { seq: 2, data: undefined, last: false },
      { seq: 3, data: '{"a":"é"}', last: true },
    ]);
  });

  describe('at its end', () => {
    it('lets the end ride on the last value that was not sent yet', () => {
      const responder = responderOf();
      responder.value(7);
      responder.done();
      expect(taken(responder)).toMatchObject([{ seq: 0, data: '7', last: true }]);
    });

    it('sends the end by itself where the last value is on its way', () => {
      const responder = responderOf();
      responder.value(7);
      const [sent] = taken(responder);
      responder.done();
      expect(sent).toMatchObject({ seq: 0, last: false });
      expect(taken(responder)).toMatchObject([{ seq: 1, data: undefined, err: undefined, last: true }]);
    });

    it('sends the end by itself where the last value was put back: it may have arrived', () => {
      const responder = responderOf();
      responder.value(7);
      responder.putBack(taken(responder));
      responder.done();
      expect(taken(responder)).toMatchObject([
        { seq: 0, data: '7', last: false },
        { seq: 1, last: true },
      ]);
    });

    it('sends the end by itself where there was no value', () => {
      const responder = responderOf();
      responder.done();
      expect(taken(responder)).toMatchObject([{ seq: 0, data: undefined, last: true }]);
    });

    it('sends a failure after the values, and nothing after it', () => {
      const responder = responderOf();
      responder.value(1);
      responder.failed({ status: 'error', message: 'no' });
      expect(responder.value(2)).toBe(false);
      responder.done();
      responder.failed('again');
      const parts = taken(responder);
      expect(parts).toMatchObject([
        { seq: 0, data: '1', last: false },
        { seq: 1, data: undefined, last: true },
      ]);
      expect(parts[1]?.err).toBe('{"status":"error","message":"no"}');
      expect(parts).toHaveLength(2);
    });

    it('ends once', () => {
      const responder = responderOf();
      responder.done();
      responder.done();
      expect(responder.value(1)).toBe(false);
      expect(taken(responder)).toHaveLength(1);
    });
  });

  describe('with values that cannot be sent', () => {
    it('fails, and quotes nothing of the value', () => {
      const cycle: Record<string, unknown> = { secret: 'open-sesame' };
      cycle['itself'] = cycle;
      const responder = responderOf();
      expect(responder.value(cycle)).toBe(false);
      const [part] = taken(responder);
      expect(part).toMatchObject({ seq: 0, last: true });
      expect(part?.err).toContain('cannot be written as JSON');
      expect(part?.err).not.toContain('open-sesame');
    });

    it.each<[string, Serializer | undefined]>([
      ['JSON', undefined],
      ['text of a serializer', { serialize: () => 'x'.repeat(200) }],
      ['a packet of a serializer', { serialize: () => ({ response: 'x'.repeat(200), isDisposed: false }) }],
    ])('refuses %s above the largest payload', (_what, serializer) => {
      const failing = serializer && {
        serialize: (packet: { err?: unknown }): unknown => (packet.err ? packet : serializer.serialize(packet)),
      };
      const responder = responderOf({ maxPayloadBytes: 150, serializer: failing });
      expect(responder.value('x'.repeat(200))).toBe(false);
      const [part] = taken(responder);
      expect(part).toMatchObject({ seq: 0, data: undefined, last: true });
      expect(part?.err).toContain('150');
    });

    it('says "Internal server error" where the error itself cannot be sent', () => {
      const responder = responderOf();
      responder.failed({ big: 1n });
      expect(taken(responder)[0]?.err).toBe('{"status":"error","message":"Internal server error"}');
    });

    it('fails when more values wait than it may keep, and takes no more', () => {
      const responder = responderOf();
      let accepted = 0;
      while (responder.value(accepted)) accepted++;
      expect(accepted).toBe(MAX_WAITING_REPLY_PARTS);
      expect(responder.value('more')).toBe(false);
      const parts = taken(responder);
      expect(parts).toHaveLength(MAX_WAITING_REPLY_PARTS + 1);
      expect(parts.at(-1)).toMatchObject({ last: true, seq: MAX_WAITING_REPLY_PARTS });
      expect(parts.at(-1)?.err).toContain(`${MAX_WAITING_REPLY_PARTS} values`);
    });

    it('fails when more bytes wait than it may keep', () => {
      const responder = responderOf();
      const value = 'x'.repeat(1_000_000);
      let accepted = 0;
      while (responder.value(value)) accepted++;
      expect(accepted).toBe(Math.ceil(MAX_WAITING_REPLY_BYTES / (value.length + 2)));
      expect(taken(responder).at(-1)?.err).toContain(`${MAX_WAITING_REPLY_BYTES} bytes`);
    });

    it('counts only what waits: what was taken makes room, what is put back takes it', () => {
      const responder = responderOf();
      const value = 'x'.repeat(1_000_000);
      for (let i = 0; i < 20; i++) {
        expect(responder.value(value)).toBe(true);
        taken(responder);
      }
      for (let i = 0; i < 4; i++) responder.value(value);
      const parts = taken(responder);
      responder.value(value);
      responder.putBack(parts);
      expect(responder.value(value)).toBe(false);
    });
  });

  describe('with its parts in portions', () => {
    it('hands out as many as asked for', () => {
      const responder = responderOf();
      for (let i = 0; i < 5; i++) responder.value(i);
      expect(dataOf(taken(responder, { count: 2, bytes: Infinity }))).toEqual(['0', '1']);
      expect(responder.hasParts).toBe(true);
      expect(dataOf(taken(responder))).toEqual(['2', '3', '4']);
      expect(responder.hasParts).toBe(false);
      expect(taken(responder)).toEqual([]);
    });

    it('hands out no more bytes than asked for, but at least one part', () => {
      const responder = responderOf();
      for (let i = 0; i < 4; i++) responder.value('x'.repeat(98));
      expect(taken(responder, { count: 10, bytes: 250 })).toHaveLength(2);
      expect(taken(responder, { count: 10, bytes: 1 })).toHaveLength(1);
      expect(taken(responder, { count: 10, bytes: 100 })).toHaveLength(1);
    });

    it('writes what was put back before anything newer, in its order', () => {
      const responder = responderOf();
      for (let i = 0; i < 3; i++) responder.value(i);
      const parts = taken(responder, { count: 2, bytes: Infinity });
      responder.value(3);
      responder.putBack(parts);
      expect(taken(responder).map(({ seq, data }) => [seq, data])).toEqual([
        [0, '0'],
        [1, '1'],
        [2, '2'],
        [3, '3'],
      ]);
    });
  });

  describe('with an id of its run', () => {
    it('names no run where the whole reply is one part', () => {
      const responder = responderOf();
      responder.value(7);
      responder.done();
      const [part] = taken(responder);
      expect(part).not.toHaveProperty('run');
    });

    it('names one run in every part of a reply that has several, and keeps it when it is written again', () => {
      const responder = responderOf();
      responder.value(1);
      const first = taken(responder);
      const run = first[0]?.run;
      expect(run).toMatch(/^[0-9a-f-]{36}$/);
      responder.putBack(first);
      responder.value(2);
      responder.done();
      expect(taken(responder).map((part) => part.run)).toEqual([run, run]);
    });

    it('names another in another run of the same request', () => {
      const runs = [responderOf(), responderOf()].map((responder) => {
        responder.value(1);
        return taken(responder)[0]?.run;
      });
      expect(new Set(runs).size).toBe(2);
    });
  });

  describe('and the ack of its entry', () => {
    it('has it acked at once where nothing waits', () => {
      const responder = responderOf();
      responder.done();
      taken(responder);
      responder.finish();
      responder.settle(entry);
      expect(settler.acked).toEqual([entry]);
      expect(entry.phase).toBe('settling');
    });

    it('has it acked only when its last part was taken, and once', () => {
      const responder = responderOf();
      responder.value(1);
      responder.value(2);
      responder.done();
      responder.settle(entry);
      expect([entry.phase, settler.acked]).toEqual(['settling', []]);
      taken(responder, { count: 1, bytes: Infinity });
      expect(settler.acked).toEqual([]);
      taken(responder);
      responder.finish();
      responder.finish();
      expect(settler.acked).toEqual([entry]);
    });

    it('has it acked when the reply is given up, whose run is over', () => {
      const responder = responderOf();
      responder.done();
      responder.settle(entry);
      responder.giveUp('the caller is gone');
      expect(settler.acked).toEqual([entry]);
      expect(responder.hasParts).toBe(false);
    });
  });

  describe('that is dropped', () => {
    it('writes nothing more, not even what comes back', () => {
      const responder = responderOf();
      responder.value(1);
      const parts = taken(responder);
      responder.value(2);
      responder.drop();
      responder.putBack(parts);
      expect(responder.value(3)).toBe(false);
      responder.done();
      responder.failed('no');
      expect([responder.hasParts, taken(responder)]).toEqual([false, []]);
      expect(settler.acked).toEqual([]);
    });

    it('ends its run when it is given up, and says why', () => {
      const responder = responderOf();
      responder.value(1);
      responder.giveUp('the caller is gone');
      expect(cancelled).toEqual([expect.any(RequestCancelledError)]);
      expect(cancelled[0]?.message).toContain('the caller is gone');
    });
  });

  it('is worth another try for a second after Redis had no place, and again once a part was written', () => {
    const responder = responderOf();
    jest.useFakeTimers();
    expect(responder.refused()).toBe(true);
    jest.advanceTimersByTime(999);
    expect(responder.refused()).toBe(true);
    jest.advanceTimersByTime(1);
    expect(responder.refused()).toBe(false);
    responder.written();
    expect(responder.refused()).toBe(true);
    jest.useRealTimers();
  });
});
