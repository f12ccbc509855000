import { MAX_PATTERN_BYTES } from '../constants.js';
import { InvalidMessageError } from '../errors/transport-errors.js';
import { hashTag } from './keys.js';
import { isIllFormed } from './text.js';

const CONTROL_CHARACTER = /[\u0000-\u001f\u007f]/;
/** What Nest's `transformPatternToRoute` writes for what it cuts off; two such patterns would share one stream. */
const TRUNCATED_PATTERN = /\[(MAX_DEPTH_REACHED|TOO_MANY_KEYS)\]/;

/**
 * Endings of keys that belong to another stream: dead letters, delayed messages, lanes, bookkeeping. Without a hash tag
 * in front, such an ending is harmless: no stream has siblings of that form.
 */
const SIBLING = /:(dead|later|later:m|high|shape|cron|cron:m|cron:n|p:\d+|(?:mid|rate|done|owner|parked|members):.+)$/;

/** `write`: a client, or `RedisStreamDeadLetters`. `read`: a handler, which may also read dead letters. */
export type StreamUse = 'write' | 'read';

/**
 * Stream name of a normalized pattern.
 * @throws {InvalidMessageError} if the pattern does not name a stream, if another pattern would share the stream, or if
 * the name belongs to another stream
 */
export function streamName(prefix: string, pattern: unknown, use: StreamUse): string {
  if (typeof pattern !== 'string' || pattern === '') {
    throw new InvalidMessageError(`A pattern must be a non-empty string, a number or an object, got ${typeof pattern}`);
  }
  const shown = JSON.stringify(pattern.slice(0, 80));
  if (Buffer.byteLength(pattern) > MAX_PATTERN_BYTES) {
    throw new InvalidMessageError(`The pattern ${shown}… has more than ${MAX_PATTERN_BYTES} bytes`);
  }
  const flaw = flawOf(pattern);
  if (flaw !== undefined) throw new InvalidMessageError(`The pattern ${shown} ${flaw}`);
  const name = prefix + pattern;
  assertOwnStream(name, use);
  return name;
}

function flawOf(pattern: string): string | undefined {
  if (CONTROL_CHARACTER.test(pattern)) return 'has a control character';
  if (isIllFormed(pattern)) return 'has half of a surrogate pair';
  if (TRUNCATED_PATTERN.test(pattern)) return 'is nested deeper or has more keys than Nest can tell apart';
  return undefined;
}

function assertOwnStream(name: string, use: StreamUse): void {
  const shown = JSON.stringify(name.slice(0, 80));
  const tag = hashTag(name);
  if (tag === undefined) {
    if (name.includes('}')) throw new InvalidMessageError(`The stream name ${shown} has a "}" outside a hash tag`);
    return;
  }
  const ending = SIBLING.exec(name.slice(name.indexOf('}', name.indexOf('{'))))?.[1];
  if (ending === undefined || (use === 'read' && ending === 'dead')) return;
  throw new InvalidMessageError(
    `The stream name ${shown} is reserved: with ":${ending}" after a hash tag it belongs to another stream. ` +
      (ending === 'dead' ? 'Use the pattern that the dead letters belong to.' : 'Choose another pattern.'),
  );
}
