const END_OF_HEADER = Buffer.from('\r\n\r\n');
// A long Message-ID is folded onto a line of its own.
const MESSAGE_ID = /^message-id:[ \t]*(?:\r\n[ \t]+)?(\S+)/im;

/** The Message-ID of a mail. Runs for every mail, so it parses nothing else. */
export const messageIdOf = (mail: Buffer): string | undefined => {
  const end = mail.indexOf(END_OF_HEADER);
  return MESSAGE_ID.exec(mail.toString('latin1', 0, end === -1 ? mail.length : end))?.[1];
};
