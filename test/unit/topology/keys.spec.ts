import { deadLetterKey, hashSlot, isUuidV4, replyStreamKey } from '../../../lib/topology/keys.js';
import { streamName } from '../../../lib/topology/stream-name.js';
import { SeededRandom } from '../support/random.js';

describe('hashSlot', () => {
  // CRC16/XMODEM has a published check value; the other slots are examples of the cluster specification.
  it.each([
    ['123456789', 0x31c3],
    ['', 0],
    ['foo', 12_182],
    ['bar', 5_061],
    ['hello', 866],
    ['somekey', 11_058],
    ['foo{hash_tag}', 2_515],
    ['bar{hash_tag}', 2_515],
  ])('maps %j to the slot that Redis Cluster uses', (key, slot) => {
    expect(hashSlot(key)).toBe(slot);
  });

  it.each([
    ['{user1000}.following', 'user1000'],
    ['foo{bar}{zap}', 'bar'],
    ['foo{{bar}}zap', '{bar'],
    ['a}b{c}', 'c'],
  ])('hashes only the tag of %j', (key, tag) => {
    expect(hashSlot(key)).toBe(hashSlot(tag));
  });

  it.each(['foo{}{bar}', 'foo{bar', 'foo}bar{', '{}'])('hashes all of %j, which has no tag', (key) => {
    expect(hashSlot(key)).toBe(slotOfBytes(key));
  });

  it('hashes bytes, not characters', () => {
    expect(hashSlot('bestellung.größe')).toBe(slotOfBytes('bestellung.größe'));
  });

  it('stays within 16384 slots and spreads over them', () => {
    const random = new SeededRandom(3);
    const slots = new Set<number>();
    for (let round = 0; round < 2_000; round++) slots.add(hashSlot(random.text('abcdef:.0123456789', 16)));
    expect(Math.max(...slots)).toBeLessThan(16_384);
    expect(Math.min(...slots)).toBeGreaterThanOrEqual(0);
    expect(slots.size).toBeGreaterThan(1_700);
  });
});

describe('deadLetterKey', () => {
  it.each([
    ['sms.send', '{sms.send}:dead'],
    ['{orders}:created', '{orders}:created:dead'],
    ['{"cmd":"sum"}', '{"cmd":"sum"}:dead'],
    ['half{open', '{half{open}:dead'],
  ])('names the dead letters of %j %j', (stream, dead) => {
    expect(deadLetterKey(stream)).toBe(dead);
  });

  it('shares the slot of every stream that a pattern may name, so that one script can use both', () => {
    const random = new SeededRandom(4);
    let accepted = 0;
    for (let round = 0; round < 5_000; round++) {
      const stream = nameOrNothing(random.text('ab{}:.é"', random.integer(1, 9)));
      if (stream === undefined) continue;
      accepted++;
      expect([stream, hashSlot(deadLetterKey(stream))]).toEqual([stream, hashSlot(stream)]);
    }
    expect(accepted).toBeGreaterThan(1_000);
  });

  it('is never the name of the stream itself', () => {
    for (const stream of ['a', '{a}', ':dead', '{a}:dead', 'a:dead']) expect(deadLetterKey(stream)).not.toBe(stream);
  });
});

describe('replyStreamKey', () => {
  it('starts with the prefix', () => {
    expect(replyStreamKey('app:', 'some-id')).toBe('app:reply:some-id');
  });
});

describe('isUuidV4', () => {
  it('accepts a uuid of version 4', () => {
    expect(isUuidV4('0b8d5e0e-0f3c-4a7b-9d53-2f3a3b1c4d5e')).toBe(true);
  });

  it.each([
    '',
    'reply:1',
    '0b8d5e0e-0f3c-1a7b-9d53-2f3a3b1c4d5e',
    '0b8d5e0e-0f3c-4a7b-cd53-2f3a3b1c4d5e',
    '0B8D5E0E-0F3C-4A7B-9D53-2F3A3B1C4D5E',
    ' 0b8d5e0e-0f3c-4a7b-9d53-2f3a3b1c4d5e',
    '0b8d5e0e-0f3c-4a7b-9d53-2f3a3b1c4d5e\n',
    '0b8d5e0e0f3c4a7b9d532f3a3b1c4d5e',
  ])('refuses %j', (value) => {
    expect(isUuidV4(value)).toBe(false);
  });
});

/** Bit by bit over all bytes, ignoring tags: slow, and independent of the implementation under test. */
function slotOfBytes(text: string): number {
  let register = 0;
  for (const byte of Buffer.from(text)) {
    for (let bit = 7; bit >= 0; bit--) {
      const carry = (register >> 15) ^ ((byte >> bit) & 1);
      register = ((register << 1) & 0xffff) ^ (carry ? 0x1021 : 0);
    }
  }
  return register % 16_384;
}

function nameOrNothing(pattern: string): string | undefined {
  try {
    return streamName('', pattern, 'write');
  } catch {
    return undefined;
  }
}
