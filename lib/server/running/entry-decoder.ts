import type { IncomingMessage, RequestAddress } from '../../codec/entry.codec.js';
import { UndecodableEntryError } from '../../codec/undecodable-entry.error.js';
import type { DeadLetterStore } from '../settling/dead-letter-store.js';
import type { ServerEventEmitter } from '../holding/server-events.js';
import type { HeldEntry } from '../holding/group-stream.js';
import type { Intake } from './intake.js';
import { Responder } from '../settling/responder.js';
import type { ReplyRules } from '../settling/responder.js';
import type { RetryQueue } from '../settling/retry-queue.js';
import type { Settler } from '../settling/settler.js';

/** Before Redis is asked again what it could not say. */
const ASK_AGAIN_MS = 1_000;

/** Hears once what became of an entry. */
export interface DecodeSink {
  decoded(message: IncomingMessage): void;
  /** There is no message in it. Everything that follows from that has been done. */
  unusable(): void;
}

export interface DecoderParts {
  readonly intake: Intake;
  readonly settler: Settler;
  readonly deadLetters: DeadLetterStore;
  readonly retries: RetryQueue;
  readonly events: ServerEventEmitter;
}

/** Makes messages of entries, and deals with those of which none can be made. */
export class EntryDecoder {
  constructor(
    private readonly parts: DecoderParts,
    private readonly replyRules: ReplyRules,
  ) {}

  /** Tells `sink` at once where it can be told at once. */
  decode(entry: HeldEntry, sink: DecodeSink): void {
    const { fields } = entry;
    entry.fields = null;
    if (fields === null) {
      this.parts.events.emit('entryLost', entry.place);
      this.parts.settler.ack(entry);
      sink.unusable();
      return;
    }
    let message: IncomingMessage | Promise<IncomingMessage>;
    try {
      message = this.parts.intake.decode(entry, fields);
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

  responderOf(entry: HeldEntry, request: RequestAddress): Responder {
    return new Responder(entry.groupStream.stream, request, this.parts.settler, this.replyRules);
  }

  private accept(entry: HeldEntry, message: IncomingMessage, sink: DecodeSink): void {
    entry.request = message.request;
    sink.decoded(message);
  }

  private undecodable(entry: HeldEntry, error: unknown, sink: DecodeSink): void {
    if (error instanceof UndecodableEntryError) {
      entry.request = error.request;
      if (error.request) this.responderOf(entry, error.request).failed({ status: 'error', message: error.message });
      this.parts.deadLetters.store(entry, 'undecodable', error.message);
    } else {
      // Redis could not be asked what the bytes are; nothing is known against the entry.
      this.parts.retries.add(entry, ASK_AGAIN_MS);
    }
    sink.unusable();
  }
}
