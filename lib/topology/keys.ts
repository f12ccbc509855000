import { MAX_PATTERN_BYTES } from '../constants.js';
import { InvalidMessageError } from '../errors/transport-errors.js';

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f]/;
/** What Nest's `transformPatternToRoute` writes where it gives up; two such patterns would share one stream. */
const TRUNCATED_PATTERN = /\[(MAX_DEPTH_REACHED|TOO_MANY_KEYS)\]/;

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

/**
 * Name of the stream that a normalised pattern reads and writes.
 * @throws {InvalidMessageError} when the pattern names no stream, or one that another pattern would share
 */
export function streamKey(prefix: string, pattern: unknown): string {
  if (typeof pattern !== 'string' || pattern === '') {
    throw new InvalidMessageError(
      `A pattern has to be a non-empty string, a number or an object, got ${typeof pattern}`,
    );
  }
  const shown = JSON.stringify(pattern.slice(0, 80));
  if (Buffer.byteLength(pattern) > MAX_PATTERN_BYTES) {
    throw new InvalidMessageError(`The pattern ${shown}… has more than ${MAX_PATTERN_BYTES} bytes`);
  }
  if (CONTROL_CHARACTER.test(pattern)) {
    throw new InvalidMessageError(`The pattern ${shown} has a control character`);
  }
  if (TRUNCATED_PATTERN.test(pattern)) {
    throw new InvalidMessageError(`The pattern ${shown} is nested deeper or has more keys than Nest can tell apart`);
  }
  const key = prefix + pattern;
  if (hashTag(key) === undefined && key.includes('}')) {
    throw new InvalidMessageError(`The stream name ${JSON.stringify(key.slice(0, 80))} has a "}" outside a hash tag`);
  }
  return key;
}

function hashTag(key: string): string | undefined {
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
