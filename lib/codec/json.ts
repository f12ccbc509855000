import { MAX_JSON_DEPTH } from '../constants.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Shorter texts cannot be nested that deep. */
const SHALLOW_LENGTH = 2 * MAX_JSON_DEPTH;

/** A `__proto__` key, plain or escaped: the only way a payload can change the prototype of an object. */
const MAY_NAME_PROTO = /__proto__|\\u00(?:5[fF]|6[fF]|7[024])/;

const DATE_TO_JSON: unknown = Reflect.get(Date.prototype, 'toJSON');

const { isArray } = Array;
const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/**
 * Parses JSON from a peer. Omits `__proto__` keys.
 * @throws {SyntaxError} if the text is not JSON
 * @throws {RangeError} if it is nested deeper than 64 levels: `JSON.parse` would succeed, writing it again would not
 */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (!isObject(value)) return value;
  if (text.length > SHALLOW_LENGTH && mayBeDeeper(value, MAX_JSON_DEPTH)) throw tooDeep();
  // A reviver would be called for every value, even if the text only mentions the word.
  if (MAY_NAME_PROTO.test(text)) dropProto(value);
  return value;
}

/** Whether `text`, the result of `JSON.stringify(value)`, is nested deeper than 64 levels. */
export function isDeepJson(value: unknown, text: string): boolean {
  // Walking the value takes a fifth of the time of the text, but only the text has what a `toJSON` returned.
  return text.length > SHALLOW_LENGTH && mayBeDeeper(value, MAX_JSON_DEPTH) && isDeepText(text);
}

/** Whether a text is JSON nested deeper than 64 levels; false for a text that is not JSON. */
export function isDeepForeignJson(text: string): boolean {
  if (text.length <= SHALLOW_LENGTH || !isDeepText(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const tooDeep = (): RangeError => new RangeError(`nested deeper than ${MAX_JSON_DEPTH} levels`);

function mayBeDeeper(value: unknown, levels: number): boolean {
  if (!isObject(value)) return mayHaveJsonOfItsOwn(value);
  const { toJSON } = value;
  if (typeof toJSON === 'function') return toJSON !== DATE_TO_JSON;
  if (levels === 0) return true;
  if (isArray(value)) return value.some((item) => typeof item !== 'string' && mayBeDeeper(item, levels - 1));
  for (const name in value) if (mayBeDeeper(value[name], levels - 1)) return true;
  return false;
}

/** `JSON.stringify` calls `toJSON` of functions and BigInts, too. */
const mayHaveJsonOfItsOwn = (value: unknown): boolean => typeof value === 'bigint' || typeof value === 'function';

function dropProto(value: unknown): void {
  if (!isObject(value)) return;
  if (isArray(value)) {
    for (const item of value) dropProto(item);
    return;
  }
  for (const name in value) {
    if (name === '__proto__') Reflect.deleteProperty(value, name);
    else dropProto(value[name]);
  }
}

function isDeepText(text: string): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    // `[` and `{`, `]` and `}` differ in one bit.
    else if ((code | 0x20) === 0x7b && ++depth > MAX_JSON_DEPTH) return true;
    else if ((code | 0x20) === 0x7d) depth--;
  }
  return false;
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

/** Compares the size in UTF-8, which is counted only if the length in characters does not decide. */
export function exceedsBytes(text: string, maxBytes: number): boolean {
  if (text.length * 3 <= maxBytes) return false;
  return text.length > maxBytes || Buffer.byteLength(text) > maxBytes;
}
