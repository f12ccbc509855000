import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Journal } from '../../../apps/mail-sink/src/journal.js';
import { Mailbox, MAX_KEPT_MAILS } from '../../../apps/mail-sink/src/mailbox.js';
import { messageIdOf } from '../../../apps/mail-sink/src/message-id.js';
import { liveBytes } from '../../support/garbage.js';

const MB = 1_048_576;

const mail = (...header: string[]): Buffer => Buffer.from(`${header.join('\r\n')}\r\nSubject: News\r\n\r\nText\r\n`);

describe('the Message-ID of a mail', () => {
  it.each([
    ['on the line of its name', 'Message-ID: <1@example.com>'],
    ['in other letters', 'MESSAGE-Id:<1@example.com>'],
    ['on a line of its own', 'Message-ID:\r\n\t<1@example.com>'],
  ])('is found %s', (_where, field) => {
    expect(messageIdOf(mail('From: a@example.com', field))).toBe('<1@example.com>');
  });

  it('is undefined without one, and is never taken from the body', () => {
    expect(messageIdOf(Buffer.from('Subject: News\r\n\r\nMessage-ID: <1@example.com>\r\n'))).toBeUndefined();
  });

  it('is kept as it is up to the length of a line, and as a hash beyond it', () => {
    const id = `<${'x'.repeat(996)}>`;
    expect(messageIdOf(mail(`Message-ID: ${id}`))).toBe(id);
    const longer = messageIdOf(mail(`Message-ID: x${id}`));
    expect(longer).toMatch(/^sha256:[\da-f]{64}$/);
    expect(messageIdOf(mail(`Message-ID: y${id}`))).not.toBe(longer);
    expect(messageIdOf(mail('From: another@example.com', `Message-ID: x${id}`))).toBe(longer);
  });
});

describe('the mailbox of the sink', () => {
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'mailbox-'));
  });

  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('counts mails with ids of 900 kB, also after a restart, and keeps little of them', () => {
    const path = join(directory, 'journal');
    const mailbox = new Mailbox(new Journal(path));
    for (const letter of ['x', 'y', 'x']) mailbox.take(mail(`Message-ID: <${letter.repeat(900_000)}>`));
    expect(mailbox.stats).toEqual({ received: 3, unique: 2 });
    mailbox.close();
    expect(readFileSync(path).length).toBeLessThan(300);

    const restarted = new Mailbox(new Journal(path));
    expect(restarted.stats).toEqual({ received: 3, unique: 2 });
    restarted.close();
  });

  it('keeps no header of a mail for the sake of its id', () => {
    const mailbox = new Mailbox();
    const take = (count: number, header: string): void => {
      for (let i = 0; i < count; i++)
        mailbox.take(mail(`X-Long: ${header}`, `Message-ID: <${i}.${header.length}@example.com>`));
    };
    take(100, 'x'.repeat(500_000));
    take(MAX_KEPT_MAILS, ''); // the mails themselves are gone after these
    const before = liveBytes();
    take(100, 'x'.repeat(500_001));
    take(MAX_KEPT_MAILS, '');
    expect(mailbox.stats).toEqual({ received: 2_200, unique: 1_200 });
    expect(liveBytes() - before).toBeLessThan(10 * MB);
  });
});
