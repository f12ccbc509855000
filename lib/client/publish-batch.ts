import type { AcceptedMessage } from './publication.js';

const MAX_MESSAGES = 128;
/** Characters of one script. A longer one stalls Redis, and every other client with it. */
const MAX_SIZE = 65_536;
/** A message as large as this gains nothing from a script (`npm run bench -- payloads`). */
const LARGE = 8_192;

/** Messages that leave in one call. */
export interface PublishBatch {
  readonly messages: AcceptedMessage[];
  /** Of each message, as read when the batch was made: what is left of a ttl goes along. */
  readonly fields: (readonly string[])[];
}

/**
 * Divides messages into batches, in their order: bounded in number and in size, a large message alone. Where `isSplit`, as in
 * a cluster, a batch has one stream.
 */
export function* inBatches(messages: readonly AcceptedMessage[], isSplit: boolean): Generator<PublishBatch> {
  let batch: PublishBatch = { messages: [], fields: [] };
  let room = MAX_SIZE;
  for (const message of messages) {
    const { stream, fields } = message.publication;
    const size = sizeOf(fields);
    const isFull = batch.messages.length === MAX_MESSAGES || size > room || size > LARGE;
    if (batch.messages.length > 0 && (isFull || (isSplit && batch.messages[0]?.publication.stream !== stream))) {
      yield batch;
      batch = { messages: [], fields: [] };
      room = MAX_SIZE;
    }
    batch.messages.push(message);
    batch.fields.push(fields);
    // Nothing fits beside a large one.
    room = size > LARGE ? 0 : room - size;
  }
  if (batch.messages.length > 0) yield batch;
}

function sizeOf(fields: readonly string[]): number {
  let size = 0;
  for (const field of fields) size += field.length;
  return size;
}
