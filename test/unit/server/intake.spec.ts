import type { Deserializer } from '@nestjs/microservices';
import { Redis } from 'ioredis';
import { runInNewContext } from 'node:vm';
import { UndecodableEntryError } from '../../../lib/codec/undecodable-entry.error.js';
import type { IncomingMessage } from '../../../lib/codec/entry.codec.js';
import { GroupStream, HeldEntry } from '../../../lib/server/holding/group-stream.js';
import { Intake } from '../../../lib/server/running/intake.js';
import { resolveHandlerExtras, resolveServerOptions } from '../../../lib/options/settings.js';

const server = resolveServerOptions({ connection: {}, option: { consumerGroup: 'workers' } });
const home = new GroupStream('app:sum', 'one', {
  pattern: 'sum',
  group: 'workers',
  settings: resolveHandlerExtras({}, server),
  eventHandlers: [],
  messageHandler: undefined,
});
const ID = '0b8d5e0e-0f3c-4a7b-9d53-2f3a3b1c4d5e';
const INBOX = '7c1f6a52-93d4-4c1e-8a0b-5d6e7f8091a2';

const rejectElsewhere = (error: Error): unknown => runInNewContext('Promise.reject(error)', { error });

/** Never connected: these entries leave no doubt that Redis would have to settle. */
const client = new Redis({ lazyConnect: true });
afterAll(() => client.disconnect());

function decode(
  fields: string[],
  deserialize?: Deserializer['deserialize'],
): IncomingMessage | Promise<IncomingMessage> {
  const deserializer = deserialize && { deserialize };
  return new Intake(client, { maxPayloadBytes: 100, deserializer }).decode(
    new HeldEntry(home, '1-0', 1, fields),
    fields,
  );
}

describe('Intake', () => {
  it('decodes at once what leaves no doubt', () => {
    expect(decode(['data', '{"a":"é"}'])).toMatchObject({ data: { a: 'é' }, request: undefined });
  });

  it('refuses at once what cannot be understood', () => {
    expect(() => decode(['data', '{'])).toThrow(UndecodableEntryError);
  });

  it('shows a deserializer pattern, data, headers and stream, and the id of a request', () => {
    const seen: unknown[] = [];
    const fields = ['data', '7', 'headers', '{"tenant":"a"}', 'id', ID, 'reply', INBOX];
    const message = decode(fields, (packet: unknown, options: unknown) => {
      seen.push(packet, options);
      return { pattern: 'sum', data: 'seven' };
    });
    expect(seen).toMatchObject([
      { pattern: 'sum', data: 7, metadata: { tenant: 'a' }, id: ID },
      { channel: 'app:sum' },
    ]);
    expect(message).toMatchObject({ data: 'seven', request: { id: ID, inbox: INBOX } });
  });

  it('shows a deserializer text that is no JSON as it is', () => {
    expect(
      decode(['data', '<xml/>'], (packet: { data: unknown }) => ({ pattern: 'sum', data: [packet.data] })),
    ).toMatchObject({ data: ['<xml/>'] });
  });

  it('waits for a deserializer that wants time', async () => {
    const message = decode(['data', '7'], async () => ({ pattern: 'sum', data: 'seven' }));
    expect(message).toBeInstanceOf(Promise);
    expect(await message).toMatchObject({ data: 'seven' });
  });

  it.each<[string, Deserializer['deserialize']]>([
    ['a promise of another realm', () => runInNewContext("Promise.resolve({ data: 'seven' })") as never],
    ['what only has `then`', () => runInNewContext("({ then(use) { use({ data: 'seven' }) } })") as never],
  ])('waits for a deserializer that returns %s', async (_what, deserialize) => {
    const message = decode(['data', '7'], deserialize);
    expect(message).toBeInstanceOf(Promise);
    expect(await message).toMatchObject({ data: 'seven' });
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
  ])('calls an entry undecodable when the deserializer %s, and quotes nothing of it', async (_how, deserialize) => {
    const decoding = (async () => decode(['data', '"open-sesame"', 'id', ID, 'reply', INBOX], deserialize))();
    const error: unknown = await decoding.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UndecodableEntryError);
    expect(error).toMatchObject({ request: { id: ID } });
    expect((error as Error).message).toBe('Field `data` is refused by the deserializer (TypeError)');
  });
});
