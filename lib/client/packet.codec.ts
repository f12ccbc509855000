import type { Deserializer, ReadPacket, Serializer, WritePacket } from '@nestjs/microservices';
import { assertSize, encodeJson } from '../codec/entry.codec.js';
import type { OutgoingMessage, ReplyPart } from '../codec/entry.codec.js';
import { parseJson } from '../codec/json.js';
import { RedisStreamRecord } from '../record/redis-stream.record.js';
import { isThenable } from '../timing/thenable.js';

export interface PacketRules {
  readonly maxPayloadBytes: number;
  readonly requestTimeoutMs: number;
  readonly serializer: Serializer | undefined;
  readonly deserializer: Deserializer | undefined;
}

/** Nest's packets on one side, messages and replies on the other. */
export class PacketCodec {
  constructor(private readonly rules: PacketRules) {}

  /** @throws {InvalidMessageError | PayloadTooLargeError} */
  encode(packet: ReadPacket): { message: OutgoingMessage; timeoutMs: number } {
    const { data, headers, messageId, timeout } =
      packet.data instanceof RedisStreamRecord
        ? packet.data
        : new RedisStreamRecord(packet.data, undefined, undefined, undefined);
    return {
      message: {
        data: this.encodeData({ ...packet, data }),
        headers: packet.metadata || headers ? { ...headers, ...packet.metadata } : undefined,
        messageId,
      },
      timeoutMs: timeout ?? this.rules.requestTimeoutMs,
    };
  }

  /** A promise only where the user's deserializer returns one. @throws {Error} when the reply is no JSON */
  decode(part: ReplyPart): WritePacket | Promise<WritePacket> {
    const packet: WritePacket & { id: string } = { id: part.id, isDisposed: part.last };
    if (part.err !== undefined) packet.err = parseJson(part.err);
    else if (part.data !== undefined) packet.response = this.decodeData(part.data);
    const { deserializer } = this.rules;
    if (!deserializer) return packet;
    const deserialized = deserializer.deserialize(packet) as WritePacket | PromiseLike<WritePacket>;
    return isThenable(deserialized) ? Promise.resolve(deserialized) : deserialized;
  }

  /** A serializer of the user may return a packet, or the text that goes on the wire as it is. */
  private encodeData(packet: ReadPacket): string | undefined {
    const { maxPayloadBytes, serializer } = this.rules;
    if (!serializer) return encodeJson(packet.data, 'The payload', maxPayloadBytes);
    const serialized: unknown = serializer.serialize(packet);
    if (typeof serialized === 'string') return assertSize(serialized, 'The payload', maxPayloadBytes);
    return encodeJson((serialized as ReadPacket).data, 'The payload', maxPayloadBytes);
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
