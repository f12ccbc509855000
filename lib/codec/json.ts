import { MAX_JSON_DEPTH } from '../constants.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** A `__proto__` key, plain or spelt with escapes: the only way for a payload to re-parent an object that it is assigned to. */
const MAY_NAME_PROTO = /__proto__|\\u00/;

/**
 * Parses JSON of a peer.
 * @throws {SyntaxError} when it is no JSON
 * @throws {RangeError} when it is nested deeper than 64 levels: parsing would succeed, writing it again would not
 */
export function parseJson(text: string): unknown {
  if (text.length > 2 * MAX_JSON_DEPTH) assertDepth(text);
  return MAY_NAME_PROTO.test(text) ? JSON.parse(text, dropProto) : JSON.parse(text);
}

function dropProto(this: unknown, key: string, value: unknown): unknown {
  return key === '__proto__' ? undefined : value;
}

function assertDepth(text: string): void {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    // `[` and `{`, `]` and `}` differ in one bit.
    else if ((code | 0x20) === 0x7b && ++depth > MAX_JSON_DEPTH)
      throw new RangeError(`nested deeper than ${MAX_JSON_DEPTH} levels`);
    else if ((code | 0x20) === 0x7d) depth--;
  }
}

function endOfString(text: string, open: number): number {
  let close = text.indexOf('"', open + 1);
  while (close > 0 && isEscaped(text, close)) close = text.indexOf('"', close + 1);
  return close < 0 ? text.length : close;
}

function isEscaped(text: string, quote: number): boolean {
  let slashes = 0;
  while (text.charCodeAt(quote - 1 - slashes) === BACKSLASH) slashes++;
  return slashes % 2 === 1;
}

/** Size in UTF-8, counted only where the length in characters leaves a doubt. */
export function exceedsBytes(text: string, maxBytes: number): boolean {
  if (text.length * 3 <= maxBytes) return false;
  return text.length > maxBytes || Buffer.byteLength(text) > maxBytes;
}
