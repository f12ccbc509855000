import type { Serializer } from '@nestjs/microservices';
import { MAX_JSON_DEPTH } from '../constants.js';
import { InvalidMessageError, PayloadTooLargeError } from '../errors/transport-errors.js';
import { isThenable } from '../timing/thenable.js';
import { isIllFormed } from '../topology/text.js';
import { exceedsBytes, isDeepForeignJson, isDeepJson } from './json.js';

export interface PayloadRules {
  readonly maxPayloadBytes: number;
  readonly serializer: Serializer | undefined;
}

/**
 * The `field` of a packet as it goes on the wire: JSON, or the string that the user's serializer returned for the
 * packet. Undefined for `undefined`. `what` names it in errors, which never repeat the message of a `toJSON` or a
 * serializer: it may quote the payload.
 * @throws {InvalidMessageError | PayloadTooLargeError}
 */
export function encodePayload<Field extends string>(
  packet: { readonly [Name in Field]?: unknown },
  field: Field,
  what: string,
  { serializer, maxPayloadBytes }: PayloadRules,
): string | undefined {
  if (!serializer) return encodeJson(packet[field], what, maxPayloadBytes);
  const serialized = serialize(serializer, packet, what);
  if (typeof serialized === 'string') return encodeText(serialized, what, maxPayloadBytes);
  return encodeJson((serialized as typeof packet)[field], what, maxPayloadBytes);
}

/**
 * JSON of a value, or undefined for `undefined`.
 * @throws {InvalidMessageError} for what JSON cannot hold (a BigInt, a cycle) or receivers refuse (more than 64 levels)
 * @throws {PayloadTooLargeError} above `maxBytes`
 */
export function encodeJson(value: unknown, what: string, maxBytes: number): string | undefined {
  let json: string | undefined;
  let isDeep: boolean;
  try {
    json = JSON.stringify(value);
    isDeep = json !== undefined && !exceedsBytes(json, maxBytes) && isDeepJson(value, json);
  } catch (error) {
    throw new InvalidMessageError(`${what} cannot be written as JSON (${kindOf(error)})`);
  }
  if (isDeep) throw tooDeep(what);
  return json === undefined ? undefined : assertSize(json, what, maxBytes);
}

/**
 * A string from a user's serializer, with the checks of every payload.
 * @throws {InvalidMessageError} if it has half of a surrogate pair, or is JSON of more than 64 levels
 * @throws {PayloadTooLargeError} above `maxBytes`
 */
export function encodeText(text: string, what: string, maxBytes: number): string {
  assertSize(text, what, maxBytes);
  if (isIllFormed(text)) throw new InvalidMessageError(`${what} has half of a surrogate pair, invalid in UTF-8`);
  if (isDeepForeignJson(text)) throw tooDeep(what);
  return text;
}

/** @throws {PayloadTooLargeError} */
export function assertSize(text: string, what: string, maxBytes: number, limit?: string): string {
  if (exceedsBytes(text, maxBytes)) throw new PayloadTooLargeError(what, Buffer.byteLength(text), maxBytes, limit);
  return text;
}

const tooDeep = (what: string): InvalidMessageError =>
  new InvalidMessageError(`${what} is nested deeper than ${MAX_JSON_DEPTH} levels, which receivers refuse`);

function serialize(serializer: Serializer, packet: unknown, what: string): string | object {
  let serialized: unknown;
  try {
    serialized = serializer.serialize(packet);
  } catch (error) {
    throw new InvalidMessageError(`${what} was refused by the serializer (${kindOf(error)})`);
  }
  if (typeof serialized === 'string') return serialized;
  if (typeof serialized !== 'object' || serialized === null || isThenable(serialized) || isBytes(serialized)) {
    throw new InvalidMessageError(`${what} needs a serializer that returns a string or a packet, not a promise`);
  }
  return serialized;
}

const isBytes = (value: object): boolean => ArrayBuffer.isView(value) || value instanceof ArrayBuffer;

/** Only names of built-in errors: any other name may contain text of the user's code. */
const kindOf = (error: unknown): string =>
  error instanceof TypeError ? 'TypeError' : error instanceof RangeError ? 'RangeError' : 'it threw an error';
