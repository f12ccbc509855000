const END_OF_HEADER = Buffer.from('\r\n\r\n');
// A long one stands on a line of its own.
const MESSAGE_ID = /^message-id:[ \t]*(?:\r\n[ \t]+)?(\S+)/im;

/** The Message-ID of a mail. Every mail comes through here, so nothing else is read. */
export const messageIdOf = (mail: Buffer): string | undefined => {
  const end = mail.indexOf(END_OF_HEADER);
  return MESSAGE_ID.exec(mail.toString('latin1', 0, end === -1 ? mail.length : end))?.[1];
};
