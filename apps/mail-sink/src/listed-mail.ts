import type { KeptMail } from './mailbox.js';
import { decodedBody, decodedWords, headerFields } from './mime.js';

export interface ListedMail {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly listUnsubscribe: string | null;
  readonly receivedAt: string;
}

const END_OF_HEADER = '\r\n\r\n';
const CHARSET = /;\s*charset="?([^";\s]+)/i;

/** A mail decoded for reading. */
export const listedMail = ({ id, raw, receivedAt }: KeptMail): ListedMail => {
  const end = raw.indexOf(END_OF_HEADER);
  const header = headerFields(raw.toString('utf8', 0, end === -1 ? raw.length : end));
  const field = (name: string): string => decodedWords(header.get(name) ?? '');
  return {
    id,
    from: field('from'),
    to: field('to'),
    subject: field('subject'),
    text: end === -1 ? '' : textOf(raw.subarray(end + END_OF_HEADER.length), header),
    listUnsubscribe: header.get('list-unsubscribe') ?? null,
    receivedAt: receivedAt.toISOString(),
  };
};

const textOf = (body: Buffer, header: ReadonlyMap<string, string>): string => {
  const charset = CHARSET.exec(header.get('content-type') ?? '')?.[1] ?? 'utf-8';
  const text = decodedBody(body, header.get('content-transfer-encoding') ?? '', charset).replaceAll('\r\n', '\n');
  // The final line break comes from SMTP, not from the sender.
  return text.endsWith('\n') ? text.slice(0, -1) : text;
};
