import type { GroupStream } from '../../../lib/server/holding/group-stream.js';
import type { HeldEntry } from '../../../lib/server/holding/held-entry.js';
import { AckLine, MAX_IDS_PER_ACK } from '../../../lib/server/settling/ack-line.js';
import type { Responder } from '../../../lib/server/settling/responder.js';
import { MAX_SCRIPT_BYTES, WriteBatch, commandsOf } from '../../../lib/server/settling/write-batch.js';
import type { Write } from '../../../lib/server/settling/write-batch.js';
import { groupStreamOf, runningIn, settlingIn } from './support/entries.js';
import { ServerParts, writerTo } from './support/server-parts.js';

const REQUEST = {
  id: '0b8d5e0e-0f3c-4a7b-9d53-2f3a3b1c4d5e',
  inbox: '7c1f6a52-93d4-4c1e-8a0b-5d6e7f8091a2',
  ttl: 0,
};

describe('WriteBatch', () => {
  const parts = new ServerParts(writerTo());
  let groupStream: GroupStream;

  beforeEach(() => {
    groupStream = groupStreamOf();
  });
  afterAll(() => parts.close());

  function replyOf(values: readonly unknown[]): Responder {
    const entry = runningIn(groupStream, `${[...groupStream.entries].length + 1}-0`);
    const responder = parts.run.responders.of(entry, REQUEST);
    for (const value of values) responder.value(value);
    return responder;
  }

  const replies = (batch: WriteBatch): Map<Responder, number> => {
    const counts = new Map<Responder, number>();
    for (const write of batch.writes) {
      if (write.kind === 'reply') counts.set(write.responder, (counts.get(write.responder) ?? 0) + 1);
    }
    return counts;
  };

  function lineOf(count: number, stream = 'app:sum', ownedAt = performance.now()): AckLine {
    const line = new AckLine(groupStreamOf(stream));
    for (let i = 0; i < count; i++) {
      const entry = settlingIn(line.groupStream, `1-${i}`);
      entry.confirm(ownedAt);
      line.add(entry);
    }
    return line;
  }

  const idsOf = (entries: readonly HeldEntry[]): string[] => entries.map(({ id }) => id);

  it('is empty until something is added', () => {
    const batch = new WriteBatch(0, 1);
    expect(batch).toMatchObject({
      writes: [],
      doubtful: [],
      isSmall: true,
      hasRoomForReplies: true,
      hasRoomForAcks: true,
    });
    batch.addReply(replyOf([7]));
    expect(batch.writes).toHaveLength(1);
  });

  describe('of replies', () => {
    const many = Array.from({ length: 1_000 }, (_, i) => i);

    it('lets one reply fill it where no other waits', () => {
      const reply = replyOf(many);
      const batch = new WriteBatch(0, 1);
      batch.addReply(reply);
      expect([replies(batch).get(reply), batch.hasRoomForReplies]).toEqual([512, false]);
      expect(reply.hasParts).toBe(true);
    });

    it('gives each of several replies the same portion, and a short one all that it needs', () => {
      const [long, short, other] = [replyOf(many), replyOf([1]), replyOf(many)];
      const batch = new WriteBatch(0, 3);
      for (const reply of [long, short, other]) batch.addReply(reply);
      expect([...replies(batch).values()]).toEqual([170, 1, 170]);
    });

    it('gives many replies a minimum portion each, until it is full', () => {
      const batch = new WriteBatch(0, 1_000);
      const added: Responder[] = [];
      while (batch.hasRoomForReplies) {
        const reply = replyOf(many.slice(0, 40));
        batch.addReply(reply);
        added.push(reply);
      }
      expect(new Set(replies(batch).values())).toEqual(new Set([16]));
      expect(added).toHaveLength(32);
    });

    it('stays below the size limit of a script', () => {
      const reply = replyOf(many.map(() => 'x'.repeat(998)));
      const batch = new WriteBatch(0, 1);
      batch.addReply(reply);
      expect(replies(batch).get(reply)).toBe(Math.floor(MAX_SCRIPT_BYTES / 1_000));
      expect(batch.isSmall).toBe(true);
    });

    it('carries a part larger than a script may be alone, and without a script', () => {
      const batch = new WriteBatch(0, 2);
      batch.addReply(replyOf(['x'.repeat(MAX_SCRIPT_BYTES + 1), 'next']));
      expect([batch.writes.length, batch.isSmall, batch.hasRoomForReplies]).toEqual([1, false, false]);
    });

    it('keeps room for acks, however many replies it has', () => {
      const batch = new WriteBatch(0, 1);
      batch.addReply(replyOf(many));
      expect(batch.hasRoomForAcks).toBe(true);
      batch.addAck(lineOf(1));
      expect(batch.writes.at(-1)?.kind).toBe('ack');
    });
  });

  describe('of acks', () => {
    it('acks the entries of a stream with one command, in portions', () => {
      const line = lineOf(MAX_IDS_PER_ACK + 1);
      const batch = new WriteBatch(0, 0);
      batch.addAck(line);
      expect(batch.writes).toHaveLength(1);
      expect(line.length).toBe(1);
    });

    it('has room for a bounded number of streams, doubtful ones included, in addition to the room for replies', () => {
      const batch = new WriteBatch(performance.now(), 1);
      for (let i = 0; batch.hasRoomForAcks; i++) batch.addAck(lineOf(1, `app:${i}`, i % 2 === 0 ? 0 : Infinity));
      expect(batch.writes.length + batch.doubtful.length).toBe(64);
      expect(batch.hasRoomForReplies).toBe(true);
    });

    it('separates entries whose lease may be over, since another consumer may have them', () => {
      const line = new AckLine(groupStream);
      for (const [id, ownedAt] of [
        ['1-0', 99],
        ['2-0', 100],
        ['3-0', 101],
        ['4-0', 0],
      ] as const) {
        const entry = settlingIn(groupStream, id);
        entry.confirm(ownedAt);
        line.add(entry);
      }
      const batch = new WriteBatch(100, 0);
      batch.addAck(line);
      expect(batch.writes.map((write) => write.kind === 'ack' && idsOf(write.entries))).toEqual([['2-0', '3-0']]);
      expect(batch.doubtful.map(({ entries }) => idsOf(entries))).toEqual([['1-0', '4-0']]);
    });

    it('separates doubtful entries where all entries are doubtful', () => {
      const batch = new WriteBatch(100, 0);
      batch.addAck(lineOf(2, 'app:sum', 0));
      expect([batch.writes, batch.doubtful.length]).toEqual([[], 1]);
    });
  });
});

describe('the commands of a write', () => {
  const parts = new ServerParts(writerTo());
  afterAll(() => parts.close());

  const ackOf = (entries: readonly HeldEntry[], groupStream: GroupStream): Write => ({
    kind: 'ack',
    line: new AckLine(groupStream),
    entries,
  });

  it('ack entries, and delete those that are requests', () => {
    const groupStream = groupStreamOf();
    const entries = ['1-0', '2-0', '3-0'].map((id) => settlingIn(groupStream, id));
    for (const at of [0, 2]) (entries[at] as HeldEntry).request = REQUEST;
    expect(commandsOf(ackOf(entries, groupStream))).toEqual([
      ['XACK', 'app:sum', 'workers', '1-0', '2-0', '3-0'],
      ['XDEL', 'app:sum', '1-0', '3-0'],
    ]);
    expect(commandsOf(ackOf(entries.slice(1, 2), groupStream))).toEqual([['XACK', 'app:sum', 'workers', '2-0']]);
  });

  it('add a part to the reply stream if the stream exists, and trim the stream with every 256th part', () => {
    const responder = parts.run.responders.of(runningIn(groupStreamOf()), REQUEST);
    for (let i = 0; i < 257; i++) responder.value(i);
    const commands = responder
      .take(257, Infinity)
      .map((part) => commandsOf({ kind: 'reply', responder, part })[0] ?? []);
    const key = `reply:${REQUEST.inbox}`;
    expect(commands[0]?.slice(0, 8)).toEqual(['XADD', key, 'NOMKSTREAM', '*', 'id', REQUEST.id, 'seq', '0']);
    expect(commands.flatMap((command, seq) => (command.includes('MAXLEN') ? [seq] : []))).toEqual([255]);
    expect(commands[255]?.slice(0, 7)).toEqual(['XADD', key, 'NOMKSTREAM', 'MAXLEN', '~', 100_000, '*']);
  });
});
