import { createHash } from 'node:crypto';

const END_OF_HEADER = Buffer.from('\r\n\r\n');
// A long Message-ID is folded onto a line of its own.
const MESSAGE_ID = /^message-id:[ \t]*(?:\r\n[ \t]+)?(\S+)/im;
/** A line of a mail is no longer than this (RFC 5322). */
const MAX_ID_CHARACTERS = 998;

/**
 * The Message-ID of a mail; the hash of one that is longer than a line may be, because the ids of all mails are kept.
 * Runs for every mail, so it parses nothing else.
 */
export const messageIdOf = (mail: Buffer): string | undefined => {
  const end = mail.indexOf(END_OF_HEADER);
  const id = MESSAGE_ID.exec(mail.toString('latin1', 0, end === -1 ? mail.length : end))?.[1];
  return id === undefined ? undefined : keepable(id);
};

const keepable = (id: string): string => {
  const bytes = Buffer.from(id, 'latin1');
  if (bytes.length > MAX_ID_CHARACTERS) return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  // A copy: what a pattern matches is a slice, which keeps the whole header in memory.
  return bytes.toString('latin1');
};
