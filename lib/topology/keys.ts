const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

export const isUuidV4 = (value: string): boolean => UUID_V4.test(value);

/** Reply stream of a client. Only ever built from an id that is a uuid: whoever names a key could write anywhere. */
export const replyStreamKey = (prefix: string, inboxId: string): string => `${prefix}reply:${inboxId}`;

/** Channel on which a client tells the servers of its prefix that a request is cancelled. */
export const controlChannel = (prefix: string): string => `${prefix}ctl`;

/**
 * A key that belongs to a stream, in the same hash slot: a name with a hash tag is appended to, any other is wrapped.
 * Redis hashes what stands between the first `{` and the first `}` after it, if that is not empty.
 */
export function siblingKey(stream: string, suffix: string): string {
  return hashTag(stream) === undefined ? `{${stream}}:${suffix}` : `${stream}:${suffix}`;
}

export const deadLetterKey = (stream: string): string => siblingKey(stream, 'dead');

/** What Redis hashes of a key, where that is not the whole of it. */
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
