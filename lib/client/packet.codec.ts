import type { Deserializer, ReadPacket, Serializer, WritePacket } from '@nestjs/microservices';
import type { OutgoingMessage, ReplyPart } from '../codec/entry.codec.js';
import { parseJson } from '../codec/json.js';
import { encodePayload } from '../codec/payload.js';
import { RedisStreamRecord } from '../record/redis-stream.record.js';
import type { RedisStreamRecordParts } from '../record/redis-stream.record.js';
import { isThenable } from '../timing/thenable.js';

export interface PacketRules {
  readonly maxPayloadBytes: number;
  readonly requestTimeoutMs: number;
  readonly serializer: Serializer | undefined;
  readonly deserializer: Deserializer | undefined;
}

/** Converts Nest's packets to messages, and replies to Nest's packets. */
export class PacketCodec {
  constructor(private readonly rules: PacketRules) {}

  /** @throws {InvalidMessageError | PayloadTooLargeError} */
  encode(packet: ReadPacket): { message: OutgoingMessage; timeoutMs: number } {
    const { data, headers, messageId, timeout } = partsOf(packet.data);
    return {
      message: {
        data: encodePayload({ ...packet, data }, 'data', 'The payload', this.rules),
        headers: packet.metadata || headers ? { ...headers, ...packet.metadata } : undefined,
        messageId,
      },
      timeoutMs: timeout ?? this.rules.requestTimeoutMs,
    };
  }

  /** Returns a promise only if the user's deserializer does. @throws {Error} if the reply is not JSON */
  decode(part: ReplyPart): WritePacket | Promise<WritePacket> {
    const packet: WritePacket & { id: string } = { id: part.id, isDisposed: part.last };
    if (part.err !== undefined) packet.err = parseJson(part.err);
    else if (part.data !== undefined) packet.response = this.decodeData(part.data);
    const { deserializer } = this.rules;
    if (!deserializer) return packet;
    const deserialized = deserializer.deserialize(packet) as WritePacket | PromiseLike<WritePacket>;
    return isThenable(deserialized) ? Promise.resolve(deserialized) : deserialized;
  }

  private decodeData(text: string): unknown {
    try {
      return parseJson(text);
    } catch (error) {
      if (this.rules.deserializer) return text;
      throw error;
    }
  }
}

const partsOf = (data: unknown): RedisStreamRecordParts => (data instanceof RedisStreamRecord ? data : { data });
