import { isUtf8 } from 'node:buffer';
import type { Deserializer } from '@nestjs/microservices';
import { decodeMessage } from '../../codec/entry.codec.js';
import type { IncomingMessage } from '../../codec/entry.codec.js';
import { UndecodableEntryError } from '../../codec/undecodable-entry.error.js';
import type { RedisClient } from '../../interfaces/connection.js';
import { withoutArguments } from '../../redis/reply-error.js';
import { isThenable } from '../../timing/thenable.js';
import type { HeldEntry } from '../holding/group-stream.js';

/** What a decoder leaves where bytes are no UTF-8. Senders may mean the character itself, so it is only a suspicion. */
const REPLACEMENT_CHARACTER = '\uFFFD';

export interface IntakeRules {
  readonly maxPayloadBytes: number;
  readonly deserializer: Deserializer | undefined;
}

/** Turns an entry into the message that a handler gets. */
export class Intake {
  constructor(
    private readonly client: RedisClient,
    private readonly rules: IntakeRules,
  ) {}

  /**
   * A promise only where one is needed: for a suspicion of broken text, or a deserializer that wants time.
   * @throws {UndecodableEntryError}
   */
  decode(entry: HeldEntry, fields: readonly string[]): IncomingMessage | Promise<IncomingMessage> {
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
    const [found] = await this.client.xrangeBuffer(entry.groupStream.stream, entry.id, entry.id);
    const fields = found?.[1] ?? [];
    if (!fields.every((field) => isUtf8(field))) throw new UndecodableEntryError('data', 'no UTF-8', request);
  }
}
