import type { Deserializer, Serializer } from '@nestjs/microservices';
import { having, integer, text, time } from './kinds.js';
import { optional } from './schema.js';
import type { OptionsOf } from './schema.js';

// A brace could open a hash tag that the stream's own name closes, and streams would change their slot.
const prefix = text(
  'a well-formed string without braces, spaces or control characters',
  (value) => !/[{}\s\u0000-\u001f]/.test(value),
);

/** The options of `SharedOption`. */
export const SHARED_OPTIONS = {
  /**
   * Written in front of every stream name, dead-letter name and reply stream. Both sides need the same one.
   * @default ''
   */
  prefix: optional(prefix, ''),
  /**
   * Largest payload of one message in bytes, as JSON or as the text of a serializer: requests, events and replies alike.
   * Larger ones are refused before anything is written. Above the server's `client-query-buffer-limit` Redis would hang up
   * instead of answering.
   * @default 1_048_576
   * @minimum 1
   */
  maxPayloadBytes: optional(integer(1), 1_048_576),
  /**
   * How long `listen()` and `connect()` wait for Redis before they reject; 0 waits without a limit.
   * Reconnecting later has no limit.
   * @default 10_000
   * @minimum 0
   * @maximum 2_147_483_647
   */
  connectTimeout: optional(time(0), 10_000),
  /**
   * Nest's own interface. It returns a packet, or the text that goes on the wire as it is.
   * @default JSON of the packet's data
   */
  serializer: optional(having<Serializer>('serialize'), undefined),
  /**
   * Nest's own interface.
   * @default the parsed JSON
   */
  deserializer: optional(having<Deserializer>('deserialize'), undefined),
};

/** Settings that client and server share. All times are in milliseconds. */
export interface SharedOption extends OptionsOf<typeof SHARED_OPTIONS> {}
