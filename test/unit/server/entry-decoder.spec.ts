import type { Deserializer } from '@nestjs/microservices';
import { Buffer } from 'node:buffer';
import { runInNewContext } from 'node:vm';
import type { IncomingMessage } from '../../../lib/codec/entry.codec.js';
import type { GroupStream } from '../../../lib/server/holding/group-stream.js';
import type { HeldEntry } from '../../../lib/server/holding/held-entry.js';
import type { DecodeSink } from '../../../lib/server/running/entry-decoder.js';
import { eventually } from '../../support/eventually.js';
import { useRedis } from '../../support/use-redis.js';
import { entriesOf } from '../../support/stream-view.js';
import { delivered } from './support/delivered.js';
import { groupStreamOf, quietRun } from './support/entries.js';
import { ServerParts, writerTo } from './support/server-parts.js';

const ID = '0b8d5e0e-0f3c-4a7b-9d53-2f3a3b1c4d5e';
const INBOX = '7c1f6a52-93d4-4c1e-8a0b-5d6e7f8091a2';
const REPLIES = `reply:${INBOX}`;

const rejectElsewhere = (error: Error): unknown => runInNewContext('Promise.reject(error)', { error });

/** Records what it receives. */
class Sink implements DecodeSink {
  readonly received: (IncomingMessage | 'unusable')[] = [];

  decoded(message: IncomingMessage): void {
    this.received.push(message);
  }

  unusable(): void {
    this.received.push('unusable');
  }
}

describe('EntryDecoder', () => {
  const redis = useRedis();
  let groupStream: GroupStream;
  let parts: ServerParts;

  beforeEach(async () => {
    groupStream = groupStreamOf();
    await use();
  });
  afterEach(() => parts.close());

  async function use(deserialize?: Deserializer['deserialize']): Promise<void> {
    parts?.close();
    const deserializer = deserialize && { deserialize };
    const writer = writerTo(redis.process.port);
    parts = new ServerParts(writer, { decoding: { maxPayloadBytes: 100, deserializer } });
    writer.open();
    await writer.ready();
  }

  async function running(fields: readonly (string | Buffer)[]): Promise<HeldEntry> {
    const entry = await delivered(redis.raw, groupStream, fields);
    entry.queue();
    entry.run(quietRun);
    return entry;
  }

  function decode(entry: HeldEntry): Sink {
    const sink = new Sink();
    parts.run.decoder.decode(entry, sink);
    return sink;
  }

  /** Waits for the result of decoding. */
  async function decoded(entry: HeldEntry): Promise<Sink['received']> {
    const { received } = decode(entry);
    await eventually(() => expect(received).toHaveLength(1));
    return received;
  }

  const letters = (): ReturnType<typeof entriesOf> => entriesOf(redis.raw, groupStream.deadLetterStream);

  it('decodes unambiguous fields at once', async () => {
    const { received } = decode(await running(['data', '{"a":"é"}']));
    expect(received).toMatchObject([{ data: { a: 'é' }, request: undefined }]);
  });

  it('stores the reply address of a request on the entry', async () => {
    const entry = await running(['data', '7', 'id', ID, 'reply', INBOX]);
    decode(entry);
    expect(entry.request).toEqual({ id: ID, inbox: INBOX, ttl: 0 });
  });

  it('refuses an undecodable entry at once, and stores it as a dead letter', async () => {
    const entry = await running(['data', '{']);
    expect(decode(entry).received).toEqual(['unusable']);
    expect(entry.phase).toBe('settling');
    await eventually(() => expect(entry.phase).toBe('released'));
    expect(await letters()).toMatchObject([{ fields: { data: '{', 'x-reason': 'undecodable' } }]);
    expect(await entriesOf(redis.raw, groupStream.stream)).toHaveLength(1);
  });

  it('answers an undecodable request, and deletes it', async () => {
    await redis.raw.xadd(REPLIES, '*', 'open', '1');
    const entry = await running(['data', '{', 'id', ID, 'reply', INBOX]);
    decode(entry);
    await eventually(async () => expect(await redis.raw.xlen(REPLIES)).toBe(2));
    const [, reply] = await entriesOf(redis.raw, REPLIES);
    expect(reply?.fields).toMatchObject({ id: ID, seq: '0', last: '1' });
    expect(reply?.fields['err']).toContain('Field `data` is not JSON');
    await eventually(() => expect(entry.phase).toBe('released'));
    expect(await letters()).toHaveLength(1);
    expect(await entriesOf(redis.raw, groupStream.stream)).toEqual([]);
  });

  it('acks an entry that was deleted, and emits `entryLost`', async () => {
    const entry = groupStream.hold('1-0', 1, null);
    if (!entry) throw new Error('held already');
    entry.queue();
    entry.run(quietRun);
    expect(decode(entry).received).toEqual(['unusable']);
    expect(parts.emitted).toEqual([['entryLost', { stream: 'app:sum', group: 'workers', id: '1-0' }]]);
    await eventually(() => expect(entry.phase).toBe('released'));
  });

  describe('with text that may not be UTF-8', () => {
    it('asks Redis, and accepts a replacement character that the sender wrote', async () => {
      const entry = await running(['data', '"\uFFFD"']);
      const { received } = decode(entry);
      expect(received).toEqual([]);
      await eventually(() => expect(received).toMatchObject([{ data: '\uFFFD' }]));
    });

    it('stores an entry that is not UTF-8 as a dead letter', async () => {
      const entry = await running(['data', Buffer.from([0x22, 0xff, 0x22])]);
      expect(await decoded(entry)).toEqual(['unusable']);
      await eventually(async () => expect(await letters()).toMatchObject([{ fields: { 'x-reason': 'undecodable' } }]));
      expect((await letters())[0]?.fields['x-error']).toBe('Field `data` is not UTF-8');
    });

    it('retries later where Redis cannot be asked, since the entry may be valid', async () => {
      const entry = await running(['data', '"\uFFFD"']);
      void parts.writer.close();
      expect(await decoded(entry)).toEqual(['unusable']);
      expect(entry.phase).toBe('waiting');
      expect(parts.emitted).toMatchObject([['retried', { id: entry.id, delayMs: 1_000 }]]);
    });

    it('releases an entry that was lost in the meantime', async () => {
      const entry = await running(['data', Buffer.from([0x22, 0xff, 0x22])]);
      const { received } = decode(entry);
      entry.lose(new Error('lost'));
      await eventually(() => expect(received).toEqual(['unusable']));
      expect(entry.phase).toBe('released');
      expect(await letters()).toEqual([]);
    });
  });

  describe('with a deserializer', () => {
    it('gives it pattern, data, headers and stream, and the id of a request', async () => {
      const seen: unknown[] = [];
      await use((packet: unknown, options: unknown) => {
        seen.push(packet, options);
        return { pattern: 'sum', data: 'seven' };
      });
      const fields = ['data', '7', 'headers', '{"tenant":"a"}', 'id', ID, 'reply', INBOX];
      const { received } = decode(await running(fields));
      expect(seen).toMatchObject([
        { pattern: 'sum', data: 7, metadata: { tenant: 'a' }, id: ID },
        { channel: 'app:sum' },
      ]);
      expect(received).toMatchObject([{ data: 'seven', request: { id: ID, inbox: INBOX } }]);
    });

    it('gives it text that is not JSON unchanged', async () => {
      await use((packet: { data: unknown }) => ({ pattern: 'sum', data: [packet.data] }));
      expect(decode(await running(['data', '<xml/>'])).received).toMatchObject([{ data: ['<xml/>'] }]);
    });

    it.each<[string, Deserializer['deserialize']]>([
      ['a promise', async () => ({ pattern: 'sum', data: 'seven' })],
      ['a promise of another realm', () => runInNewContext("Promise.resolve({ data: 'seven' })") as never],
      ['an object with only `then`', () => runInNewContext("({ then(use) { use({ data: 'seven' }) } })") as never],
    ])('waits for one that returns %s', async (_what, deserialize) => {
      await use(deserialize);
      const { received } = decode(await running(['data', '7']));
      expect(received).toEqual([]);
      await eventually(() => expect(received).toMatchObject([{ data: 'seven' }]));
    });

    it.each<[string, Deserializer['deserialize']]>([
      [
        'throws',
        () => {
          throw new TypeError('open-sesame');
        },
      ],
      ['rejects', () => Promise.reject(new TypeError('open-sesame'))],
      ['rejects in another realm', () => rejectElsewhere(new TypeError('open-sesame')) as never],
      ['returns nothing', () => undefined as never],
    ])('treats an entry as undecodable where it %s, and quotes none of the content', async (_how, deserialize) => {
      await use(deserialize);
      const entry = await running(['data', '"open-sesame"', 'id', ID, 'reply', INBOX]);
      expect(await decoded(entry)).toEqual(['unusable']);
      expect(entry.request).toMatchObject({ id: ID });
      await eventually(async () => expect(await letters()).toHaveLength(1));
      expect((await letters())[0]?.fields).toMatchObject({
        'x-reason': 'undecodable',
        'x-error': 'Field `data` is refused by the deserializer (TypeError)',
      });
    });
  });
});
