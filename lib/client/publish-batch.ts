import type { AcceptedMessage } from './publication.js';

const MAX_MESSAGES = 128;
/** Characters of one script. A longer script stalls Redis and every other client. */
const MAX_SIZE = 65_536;
/** A message above this size gains nothing from a script (`npm run bench -- payloads`). */
const LARGE = 8_192;

/** Messages that are sent in one call. */
export interface PublishBatch {
  readonly messages: AcceptedMessage[];
  /** Fields of each message, read when the batch was made: the ttl of a request is what is left of its timeout then. */
  readonly fields: (readonly string[])[];
}

/**
 * Splits messages into batches, in order. A batch is bounded in messages and in size; a large message is alone in its
 * batch. With `isSplit`, as in a cluster, a batch has one stream.
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
    // A large message stays alone.
    room = size > LARGE ? 0 : room - size;
  }
  if (batch.messages.length > 0) yield batch;
}

function sizeOf(fields: readonly string[]): number {
  let size = 0;
  for (const field of fields) size += field.length;
  return size;
}
