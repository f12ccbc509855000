import { createTransport } from 'nodemailer';
import type { SendMailOptions } from 'nodemailer';
import { listedMails } from '../../../apps/mail-sink/src/listed-mail.js';
import type { ListedMail } from '../../../apps/mail-sink/src/listed-mail.js';
import { Mailbox } from '../../../apps/mail-sink/src/mailbox.js';

const KEPT_BYTES = 65_536;
/** The longest that a hostile mail may take; a quarter of a second is usual, and much more is a regression. */
const STALL_MS = 3_000;

const listedAs = async (...raw: readonly (Buffer | string)[]): Promise<readonly ListedMail[]> => {
  const mailbox = new Mailbox();
  for (const each of raw) mailbox.take(Buffer.from(each));
  return (await listedMails(mailbox.last(raw.length))).toReversed();
};

const listed = async (raw: Buffer | string): Promise<ListedMail> => (await listedAs(raw))[0] as ListedMail;

const composed = async (mail: SendMailOptions): Promise<Buffer> => {
  const { message } = await createTransport({ streamTransport: true, buffer: true, newline: 'windows' }).sendMail(mail);
  return message as Buffer;
};

const lines = (...each: readonly string[]): string => each.join('\r\n');

/** `head` and as much of `filling` as fits into the part of a mail that the sink keeps. */
const filled = (head: string, filling: string, tail = ''): string =>
  `${head}${filling.repeat(Math.floor((KEPT_BYTES - head.length - tail.length) / filling.length))}${tail}`;

describe('a mail in the list', () => {
  it('shows the plain text of several representations, and nothing of its attachments', async () => {
    const raw = await composed({
      from: 'Kampaň <campaigns@example.com>',
      to: '"Novák, Jan" <jan@example.com>',
      subject: 'Příliš žluťoučký kůň',
      text: 'Dobrý den,\njsou tu novinky.',
      html: '<p>Dobrý den</p>',
      list: { unsubscribe: { url: 'https://example.com/out' } },
      attachments: [{ filename: 'prices.txt', content: 'secret prices' }],
    });
    expect(await listed(raw)).toEqual({
      id: expect.any(String),
      from: 'Kampaň <campaigns@example.com>',
      to: 'Novák, Jan <jan@example.com>',
      subject: 'Příliš žluťoučký kůň',
      text: 'Dobrý den,\njsou tu novinky.',
      listUnsubscribe: '<https://example.com/out>',
      receivedAt: expect.stringMatching(/Z$/),
    });
  });

  it('shows the source of HTML if it has no other text', async () => {
    expect((await listed(await composed({ html: '<p>Hello</p>' }))).text).toBe('<p>Hello</p>');
  });

  it.each([
    ['windows-1250', 'text/plain; charset=windows-1250', Buffer.from([0x9e, 0x65]), 'že'],
    ['a charset that does not exist', 'text/plain; charset=klingon', Buffer.from('ok'), 'ok'],
    ['bytes that are not of its charset', 'text/plain; charset=utf-8', Buffer.from([0xff, 0x61]), '\ufffda'],
  ])('may be in %s', async (_what, type, body, text) => {
    const raw = Buffer.concat([Buffer.from(`Content-Type: ${type}\r\n\r\n`), body, Buffer.from('\r\n')]);
    expect((await listed(raw)).text).toBe(text);
  });

  it.each<[string, string]>([
    ['no bytes', ''],
    ['a header alone', 'Subject: x'],
    ['a body alone', '\r\n\r\nx'],
    ['NUL and control bytes', 'Subject: \u0000\u001b[31m\r\n\r\n\u0000\u0007'],
    ['a header field of 64 kB', filled('Subject: ', 'x')],
    ['a blank run of 64 kB', filled('Subject: a', ' ', 'b')],
    ['thousands of header fields', filled('', 'A: b\r\n')],
    ['thousands of folded lines', filled('To: a@example.com', ',\r\n a@example.com')],
    ['thousands of encoded words', filled('Subject: ', '=?utf-8?q?=C5?= ')],
    ['encoded words in charsets that do not exist', filled('Subject: ', '=?klingon?b?/w==?= ')],
    ['encoded words that do not end', filled('Subject: ', '=?utf-8?q?')],
    ['nested comments and quotes', filled('Content-Type: text/plain; a="', '("')],
    ['multiparts within each other', multiparts(2_000)],
    [
      'multiparts that reopen each other',
      filled(lines('Content-Type: multipart/mixed; boundary=a', '', ''), '--a\r\n'),
    ],
    ['mails within each other', filled('', 'Content-Type: message/rfc822\r\n\r\n')],
    ['broken base64', filled(lines('Content-Transfer-Encoding: base64', '', ''), '====!!')],
    ['broken quoted-printable', filled(lines('Content-Transfer-Encoding: quoted-printable', '', ''), '=\r\n=Z')],
    ['HTML that does not close', filled(lines('Content-Type: text/html', '', ''), '<a <!--')],
    ['flowed text without an end', filled(lines('Content-Type: text/plain; format=flowed', '', ''), 'ab \r\n')],
  ])('may be hostile: %s', async (_what, raw) => {
    const start = performance.now();
    const [mail, next] = await listedAs(raw, 'Subject: the next\r\n\r\nText\r\n');
    expect(performance.now() - start).toBeLessThan(STALL_MS);
    expect(mail?.text.length).toBeLessThanOrEqual(KEPT_BYTES);
    expect(next).toMatchObject({ subject: 'the next', text: 'Text' });
  });

  it('says why it cannot be read', async () => {
    expect((await listed(multiparts(300))).text).toMatch(/^This mail cannot be read: .*nesting depth/);
  });

  it('leaves the event loop to others between two mails', async () => {
    const mailbox = new Mailbox();
    const reading = Array.from({ length: 20 }, (_, index) => `Subject: ${index}\r\n\r\nText\r\n`);
    for (const raw of reading) mailbox.take(Buffer.from(raw));
    let turns = 0;
    let watch = setImmediate(function next() {
      turns += 1;
      watch = setImmediate(next);
    });
    expect(await listedMails(mailbox.last(reading.length))).toHaveLength(reading.length);
    clearImmediate(watch);
    expect(turns).toBeGreaterThanOrEqual(reading.length - 1);
  });

  it('is parsed once, however often it is listed', async () => {
    const mailbox = new Mailbox();
    const slow = Buffer.from(filled(lines('Content-Type: text/plain', '', ''), '\r\n'));
    mailbox.take(slow);
    const first = await listedMails(mailbox.last(1));
    const start = performance.now();
    for (let i = 0; i < 1_000; i++) expect(await listedMails(mailbox.last(1))).toEqual(first);
    expect(performance.now() - start).toBeLessThan(STALL_MS);
  });
});

function multiparts(levels: number): string {
  const level = (each: number): string => `Content-Type: multipart/mixed; boundary=${each}\r\n\r\n--${each}\r\n`;
  return Array.from({ length: levels }, (_, each) => level(each)).join('');
}
