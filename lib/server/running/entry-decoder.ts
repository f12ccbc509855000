import { isUtf8 } from 'node:buffer';
import type { Deserializer } from '@nestjs/microservices';
import { decodeMessage } from '../../codec/entry.codec.js';
import type { IncomingMessage } from '../../codec/entry.codec.js';
import { UndecodableEntryError } from '../../codec/undecodable-entry.error.js';
import type { RedisClient } from '../../interfaces/connection.js';
import { withoutArguments } from '../../redis/reply-error.js';
import { isThenable } from '../../timing/thenable.js';
import type { HeldEntry } from '../holding/held-entry.js';
import type { ServerEventEmitter } from '../holding/server-events.js';
import type { RetryQueue } from '../settling/retry-queue.js';
import type { Settler } from '../settling/settler.js';
import { refuse } from './refusal.js';
import type { RefusalParts } from './refusal.js';

/** Stands in for bytes that were not UTF-8. A sender may mean the character itself, so it only calls for a check. */
const REPLACEMENT_CHARACTER = '\uFFFD';

/** Pause before the check of the bytes is tried again. */
const ASK_AGAIN_MS = 1_000;

/** Receives the outcome of decoding an entry, once. */
export interface DecodeSink {
  decoded(message: IncomingMessage): void;
  /** The entry holds no message, and the decoder has dealt with it. */
  unusable(): void;
}

export interface DecoderRules {
  readonly maxPayloadBytes: number;
  readonly deserializer: Deserializer | undefined;
}

export interface DecoderParts extends RefusalParts {
  readonly client: RedisClient;
  readonly settler: Settler;
  readonly retries: RetryQueue;
  readonly events: ServerEventEmitter;
}

/** Turns entries into messages for handlers, and deals with entries that hold none. */
export class EntryDecoder {
  constructor(
    private readonly parts: DecoderParts,
    private readonly rules: DecoderRules,
  ) {}

  /** Calls `sink` synchronously, unless the text has to be checked in Redis or the deserializer is asynchronous. */
  decode(entry: HeldEntry, sink: DecodeSink): void {
    const fields = entry.takeFields();
    if (fields === null) {
      this.parts.events.emit('entryLost', entry.place);
      this.parts.settler.ack(entry);
      sink.unusable();
      return;
    }
    let message: IncomingMessage | Promise<IncomingMessage>;
    try {
      message = this.read(entry, fields);
    } catch (error) {
      this.undecodable(entry, error, sink);
      return;
    }
    if (!(message instanceof Promise)) this.accept(entry, message, sink);
    else
      message.then(
        (decoded) => this.accept(entry, decoded, sink),
        (error: unknown) => this.undecodable(entry, error, sink),
      );
  }

  private accept(entry: HeldEntry, message: IncomingMessage, sink: DecodeSink): void {
    entry.request = message.request;
    sink.decoded(message);
  }

  private undecodable(entry: HeldEntry, error: unknown, sink: DecodeSink): void {
    // The entry may have been lost during an asynchronous check or deserializer.
    if (!entry.isOurs) entry.release();
    else if (error instanceof UndecodableEntryError) {
      entry.request = error.request;
      void refuse(this.parts, entry, 'undecodable', error.message);
    } else {
      // The check of the bytes failed, which says nothing about the entry.
      this.parts.retries.add(entry, ASK_AGAIN_MS);
    }
    sink.unusable();
  }

  /** @throws {UndecodableEntryError} or rejects with it; any other error says nothing about the entry */
  private read(entry: HeldEntry, fields: readonly string[]): IncomingMessage | Promise<IncomingMessage> {
    const message = decodeMessage(fields, this.rules.maxPayloadBytes, this.rules.deserializer !== undefined);
    if (!fields.some((field) => field.includes(REPLACEMENT_CHARACTER))) return this.deserialize(entry, message);
    return this.assertUtf8(entry, message).then(() => this.deserialize(entry, message));
  }

  private deserialize(entry: HeldEntry, message: IncomingMessage): IncomingMessage | Promise<IncomingMessage> {
    const { deserializer } = this.rules;
    if (!deserializer) return message;
    const { data, headers, request } = message;
    const { stream, route } = entry.groupStream;
    const packet = { pattern: route.pattern, data, metadata: headers, ...(request && { id: request.id }) };
    const refused = (error: unknown): never => {
      throw new UndecodableEntryError('data', `refused by the deserializer (${withoutArguments(error).name})`, request);
    };
    const use = (result: unknown): IncomingMessage => ({ ...message, data: (result as { data: unknown }).data });
    try {
      const result: unknown = deserializer.deserialize(packet, { channel: stream });
      return isThenable(result) ? Promise.resolve(result).then(use).catch(refused) : use(result);
    } catch (error) {
      return refused(error);
    }
  }

  private async assertUtf8(entry: HeldEntry, { request }: IncomingMessage): Promise<void> {
    const [found] = await this.parts.client.xrangeBuffer(entry.groupStream.stream, entry.id, entry.id);
    const fields = found?.[1] ?? [];
    if (!fields.every((field) => isUtf8(field))) throw new UndecodableEntryError('data', 'not UTF-8', request);
  }
}
