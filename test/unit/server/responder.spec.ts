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

/** Records what it would queue for Redis. */
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

  it('writes to the reply stream of its caller, and is offered to the settler with each part', () => {
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
    it('marks the last value as the end while it is not sent yet', () => {
      const responder = responderOf();
      responder.value(7);
      responder.done();
      expect(taken(responder)).toMatchObject([{ seq: 0, data: '7', last: true }]);
    });

    it('sends the end separately where the last value was already sent', () => {
      const responder = responderOf();
      responder.value(7);
      const [sent] = taken(responder);
      responder.done();
      expect(sent).toMatchObject({ seq: 0, last: false });
      expect(taken(responder)).toMatchObject([{ seq: 1, data: undefined, err: undefined, last: true }]);
    });

    it('sends the end separately where the last value was put back, since it may have arrived', () => {
      const responder = responderOf();
      responder.value(7);
      responder.putBack(taken(responder));
      responder.done();
      expect(taken(responder)).toMatchObject([
        { seq: 0, data: '7', last: false },
        { seq: 1, last: true },
      ]);
    });

    it('sends the end separately where there was no value', () => {
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
    ])('refuses %s above maxPayloadBytes', (_what, serializer) => {
      const failing = serializer && {
        serialize: (packet: { err?: unknown }): unknown => (packet.err ? packet : serializer.serialize(packet)),
      };
      const responder = responderOf({ maxPayloadBytes: 150, serializer: failing });
      expect(responder.value('x'.repeat(200))).toBe(false);
      const [part] = taken(responder);
      expect(part).toMatchObject({ seq: 0, data: undefined, last: true });
      expect(part?.err).toContain('150');
    });

    it('sends "Internal server error" where the error itself cannot be sent', () => {
      const responder = responderOf();
      responder.failed({ big: 1n });
      expect(taken(responder)[0]?.err).toBe('{"status":"error","message":"Internal server error"}');
    });

    it('fails when too many values wait, and accepts no more', () => {
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

    it('fails when too many bytes wait', () => {
      const responder = responderOf();
      const value = 'x'.repeat(1_000_000);
      let accepted = 0;
      while (responder.value(value)) accepted++;
      expect(accepted).toBe(Math.ceil(MAX_WAITING_REPLY_BYTES / (value.length + 2)));
      expect(taken(responder).at(-1)?.err).toContain(`${MAX_WAITING_REPLY_BYTES} bytes`);
    });

    it('counts only values that wait: values taken free their room, values put back use it again', () => {
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
    it('returns the requested number of parts', () => {
      const responder = responderOf();
      for (let i = 0; i < 5; i++) responder.value(i);
      expect(dataOf(taken(responder, { count: 2, bytes: Infinity }))).toEqual(['0', '1']);
      expect(responder.hasParts).toBe(true);
      expect(dataOf(taken(responder))).toEqual(['2', '3', '4']);
      expect(responder.hasParts).toBe(false);
      expect(taken(responder)).toEqual([]);
    });

    it('returns no more than the requested bytes, but at least one part', () => {
      const responder = responderOf();
      for (let i = 0; i < 4; i++) responder.value('x'.repeat(98));
      expect(taken(responder, { count: 10, bytes: 250 })).toHaveLength(2);
      expect(taken(responder, { count: 10, bytes: 1 })).toHaveLength(1);
      expect(taken(responder, { count: 10, bytes: 100 })).toHaveLength(1);
    });

    it('writes parts that were put back before newer ones, in order', () => {
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

  describe('with a run id', () => {
    it('omits the run id where the whole reply is one part', () => {
      const responder = responderOf();
      responder.value(7);
      responder.done();
      const [part] = taken(responder);
      expect(part).not.toHaveProperty('run');
    });

    it('has the same run id in every part of a longer reply, also when a part is written again', () => {
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

    it('has another run id in another run of the same request', () => {
      const runs = [responderOf(), responderOf()].map((responder) => {
        responder.value(1);
        return taken(responder)[0]?.run;
      });
      expect(new Set(runs).size).toBe(2);
    });
  });

  describe('and the ack of its entry', () => {
    it('acks it at once where nothing waits', () => {
      const responder = responderOf();
      responder.done();
      taken(responder);
      responder.finish();
      responder.settle(entry);
      expect(settler.acked).toEqual([entry]);
      expect(entry.phase).toBe('settling');
    });

    it('acks it once, and only after its last part was taken', () => {
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

    it('acks it when the reply is given up after its run has ended', () => {
      const responder = responderOf();
      responder.done();
      responder.settle(entry);
      responder.giveUp('the caller is gone');
      expect(settler.acked).toEqual([entry]);
      expect(responder.hasParts).toBe(false);
    });
  });

  describe('that is dropped', () => {
    it('writes nothing more, not even parts that are put back', () => {
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

    it('ends its run when it is given up, with the reason', () => {
      const responder = responderOf();
      responder.value(1);
      responder.giveUp('the caller is gone');
      expect(cancelled).toEqual([expect.any(RequestCancelledError)]);
      expect(cancelled[0]?.message).toContain('the caller is gone');
    });
  });

  it('is retried for a second after Redis refused it, and for another second once a part was written', () => {
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
