import { AcceptedMessage } from '../../../lib/client/publication.js';
import { inBatches } from '../../../lib/client/publish-batch.js';

let order = 0;
const message = (size: number, stream = 'orders'): AcceptedMessage =>
  new AcceptedMessage(
    { stream, fields: ['data', 'x'.repeat(size)], stored: () => undefined, failed: () => undefined },
    order++,
  );

const sizes = (messages: AcceptedMessage[], isSplit = false): number[] =>
  [...inBatches(messages, isSplit)].map((batch) => batch.messages.length);

const many = (count: number, size: number, stream?: string): AcceptedMessage[] =>
  Array.from({ length: count }, () => message(size, stream));

describe('batches of messages', () => {
  it('hold at most 128 messages', () => {
    expect(sizes(many(300, 10))).toEqual([128, 128, 44]);
  });

  it('hold at most about 64 kB', () => {
    expect(sizes(many(40, 4_000))).toEqual([16, 16, 8]);
  });

  it('hold a large message alone', () => {
    const messages = [...many(3, 10), message(9_000), message(2_000_000), ...many(2, 10)];
    expect(sizes(messages)).toEqual([3, 1, 1, 2]);
  });

  it('hold messages of one stream only where they are split', () => {
    const messages = [...many(130, 10, 'a'), ...many(2, 10, 'b'), message(10, 'a')];
    expect(sizes(messages)).toEqual([128, 5]);
    expect(sizes(messages, true)).toEqual([128, 2, 2, 1]);
  });

  it('keep the order, and lose nothing', () => {
    const messages = Array.from({ length: 2_000 }, (_, n) => message((n * 7_919) % 12_000));
    const batched = [...inBatches(messages, false)];
    expect(batched.flatMap((batch) => batch.messages)).toEqual(messages);
    for (const batch of batched) {
      expect(batch.fields).toEqual(batch.messages.map(({ publication }) => publication.fields));
    }
  });

  it('are none for no messages', () => {
    expect(sizes([])).toEqual([]);
  });
});
