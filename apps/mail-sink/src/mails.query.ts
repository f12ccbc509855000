import { Transform } from 'class-transformer';
import { IsInt, Max, Min } from 'class-validator';
import { MAX_KEPT_MAILS } from './mailbox.js';

const DEFAULT_LIMIT = 50;
const message = `limit must be a whole number from 1 to ${MAX_KEPT_MAILS}`;

export class MailsQuery {
  // `Number` alone would also accept '', '1e2' and ' 7'.
  @Transform(({ value }) => (/^\d+$/.test(String(value)) ? Number(value) : Number.NaN))
  @IsInt({ message })
  @Min(1, { message })
  @Max(MAX_KEPT_MAILS, { message })
  readonly limit: number = DEFAULT_LIMIT;
}
