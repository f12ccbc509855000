import { setImmediate as turnOfEventLoop } from 'node:timers/promises';
import PostalMime, { decodeWords } from 'postal-mime';
import { printable } from '#platform';
import type { KeptMail } from './mailbox.js';

export interface ListedMail {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly listUnsubscribe: string | null;
  readonly receivedAt: string;
}

type Content = Omit<ListedMail, 'id' | 'receivedAt'>;

/** A hostile mail takes a quarter of a second to parse, and the page asks for the same mails every two seconds. */
const parsed = new WeakMap<KeptMail, Promise<Content>>();

/** Mails decoded for reading. The sink receives others in between. */
export const listedMails = async (mails: readonly KeptMail[]): Promise<readonly ListedMail[]> => {
  const listed: ListedMail[] = [];
  for (const mail of mails) {
    const { id, receivedAt } = mail;
    listed.push({ id, ...(await contentOf(mail)), receivedAt: receivedAt.toISOString() });
  }
  return listed;
};

const contentOf = (mail: KeptMail): Promise<Content> => {
  const known = parsed.get(mail);
  if (known) return known;
  const content = turnOfEventLoop().then(() => parse(mail.raw));
  parsed.set(mail, content);
  return content;
};

const parse = async (raw: Buffer): Promise<Content> => {
  try {
    const { headers, html = '', text = html } = await PostalMime.parse(raw);
    const field = (name: string): string | undefined => headers.find(({ key }) => key === name)?.value;
    const decoded = (name: string): string => decodeWords(field(name) ?? '');
    return {
      from: decoded('from'),
      to: decoded('to'),
      subject: decoded('subject'),
      // The final line break comes from SMTP, not from the sender.
      text: text.endsWith('\n') ? text.slice(0, -1) : text,
      listUnsubscribe: field('list-unsubscribe') ?? null,
    };
  } catch (error) {
    const text = `This mail cannot be read: ${printable((error as Error).message)}`;
    return { from: '', to: '', subject: '', text, listUnsubscribe: null };
  }
};
