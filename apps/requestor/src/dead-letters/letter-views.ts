import { isUUID } from 'class-validator';
import type { DeadLetter } from 'nestjs-redis-stream-transport';
import { CAMPAIGN } from '#contracts';
import type { DeadLetterDetailDto, DeadLetterDto } from './dead-letter.dto.js';
import { redact } from './redact.js';

const MAX_FIELDS = 50;
/** Field of an entry with the id that its producer gave the message; see docs/wire-format.md. */
const MESSAGE_ID = 'mid';

type Summary = Pick<DeadLetterDto, keyof DeadLetterDto>;

export const summaryOf = ({ id, group, reason, error, attempts, failedAt, data }: DeadLetter): Summary => ({
  id,
  uuid: uuidAt(data, 'uuid'),
  group,
  reason,
  error: redact(error),
  attempts,
  failedAt: Number.isNaN(failedAt.getTime()) ? null : failedAt.toISOString(),
});

export const detailOf = (letter: DeadLetter): DeadLetterDetailDto => {
  const { entryId, stream, data, fields } = letter;
  const messageId = fields.get(MESSAGE_ID);
  return {
    ...summaryOf(letter),
    entryId,
    messageId: messageId ? redact(String(messageId)) : null,
    campaignId: uuidAt(data, stream === CAMPAIGN ? 'id' : 'campaignId'),
    fields: [...fields].slice(0, MAX_FIELDS).map(([name, value]) => ({ name: redact(name), bytes: value.length })),
  };
};

/** The payload may be anything. */
const uuidAt = (data: unknown, name: string): string | null => {
  const value = (data as Readonly<Record<string, unknown>> | null | undefined)?.[name];
  return typeof value === 'string' && isUUID(value) ? value : null;
};
