const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

export const isUuidV4 = (value: string): boolean => UUID_V4.test(value);

/** Reply stream of a client. Always built from a uuid: a client that could choose the key could write anywhere. */
export const replyStreamKey = (prefix: string, inboxId: string): string => `${prefix}reply:${inboxId}`;

/** Channel on which clients publish cancelled requests to the servers of the same prefix. */
export const controlChannel = (prefix: string): string => `${prefix}ctl`;

/**
 * A key that belongs to a stream, in the same hash slot: a name without a hash tag is put in braces, then `suffix` is
 * appended. Redis hashes the text between the first `{` and the first `}` after it, unless it is empty.
 */
export function siblingKey(stream: string, suffix: string): string {
  return hashTag(stream) === undefined ? `{${stream}}:${suffix}` : `${stream}:${suffix}`;
}

export const deadLetterKey = (stream: string): string => siblingKey(stream, 'dead');

/** The part of a key that Redis hashes; undefined if Redis hashes the whole key. */
export function hashTag(key: string): string | undefined {
  const open = key.indexOf('{');
  const close = open < 0 ? -1 : key.indexOf('}', open + 1);
  return close > open + 1 ? key.slice(open + 1, close) : undefined;
}

/** Cluster slot of a key: CRC16/XMODEM of its hash tag, modulo 16384 (Redis cluster specification). */
export function hashSlot(key: string): number {
  let crc = 0;
  for (const byte of Buffer.from(hashTag(key) ?? key)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  }
  return crc & 0x3fff;
}
