import type { Deserializer, Serializer } from '@nestjs/microservices';
import { having, integer, text, time } from './kinds.js';
import { optional } from './schema.js';
import type { OptionsOf } from './schema.js';

// A brace could open a hash tag that the rest of the stream name closes, and the stream would change its slot.
const prefix = text(
  'a well-formed string without braces, spaces or control characters',
  (value) => !/[{}\s\u0000-\u001f]/.test(value),
);

/** The options of `SharedOption`. */
export const SHARED_OPTIONS = {
  /**
   * Prefix of the names of all streams, dead-letter streams and reply streams. Client and server need the same prefix.
   * @default ''
   */
  prefix: optional(prefix, ''),
  /**
   * Maximum payload of one request, event or reply in bytes, as JSON or as the string from a serializer. Larger
   * payloads are refused before anything is written. Above its `client-query-buffer-limit`, Redis closes the connection
   * instead of answering.
   * @default 1_048_576
   * @minimum 1
   */
  maxPayloadBytes: optional(integer(1), 1_048_576),
  /**
   * How long `listen()` and `connect()` wait for Redis before they reject, in ms; 0 means no limit.
   * Later reconnects have no limit.
   * @default 10_000
   * @minimum 0
   * @maximum 2_147_483_647
   */
  connectTimeout: optional(time(0), 10_000),
  /**
   * Nest's `Serializer`, synchronous. It returns a packet, or a string that is written to the wire unchanged.
   * @default JSON of the packet's data
   */
  serializer: optional(having<Serializer>('serialize'), undefined),
  /**
   * Nest's `Deserializer`. It may return a promise.
   * @default the parsed JSON
   */
  deserializer: optional(having<Deserializer>('deserialize'), undefined),
};

/** Options that client and server share. All times are in milliseconds. */
export interface SharedOption extends OptionsOf<typeof SHARED_OPTIONS> {}
