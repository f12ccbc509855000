import { randomUUID } from 'node:crypto';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  MailNotTakenError,
  MailRefusedError,
  MailServerAwayError,
  Mailer,
} from '../../apps/responder/src/campaigns/email/mailer.js';
import type { Mail } from '../../apps/responder/src/campaigns/email/mailer.js';
import { CompiledApps } from '../../scripts/launcher/compiled-apps.js';
import { eventually, within } from '../support/eventually.js';
import { get, inParallel, send } from './support/http.js';
import type { Answer } from './support/http.js';
import { RunningSink } from './support/running-sink.js';
import { ScriptedMailServer } from './support/scripted-mail-server.js';

const FROM = 'Campaigns <campaigns@example.com>';
const UNWANTED = 'nobody@example.com';

const mail = (change: Partial<Mail> = {}): Mail => ({
  messageId: `<${randomUUID()}@campaigns.example>`,
  to: { name: 'Jan Novak', address: 'jan@example.com' },
  subject: 'News',
  text: 'Dear Jan,\nthere is news.',
  unsubscribe: 'mailto:unsubscribe@campaigns.example?subject=7.42',
  ...change,
});

describe('Mail', () => {
  let compiled: CompiledApps;
  const running: { stop(): unknown }[] = [];
  const mailers: Mailer[] = [];

  beforeAll(async () => {
    compiled = await CompiledApps.compile();
  }, 60_000);

  afterEach(async () => {
    for (const mailer of mailers.splice(0)) mailer.close();
    await Promise.all(running.splice(0).map((each) => each.stop()));
  });

  afterAll(() => compiled?.remove());

  const startSink = async (env: Readonly<Record<string, string>> = {}): Promise<RunningSink> => {
    const sink = await RunningSink.start(compiled, env);
    running.push(sink);
    return sink;
  };

  const mailerTo = (url: string, maxConnections = 4): Mailer => {
    const mailer = new Mailer({ url, from: FROM, maxConnections });
    mailers.push(mailer);
    return mailer;
  };

  const failureOf = (sent: Promise<string>): Promise<Error> =>
    sent.then(
      (response) => {
        throw new Error(`The mail was accepted: ${response}`);
      },
      (error: Error) => error,
    );

  describe('that the sink accepts', () => {
    it.each([
      [
        'plain',
        { name: 'Novak, Jan', address: 'jan@example.com' },
        '"Novak, Jan" <jan@example.com>',
        'News for you',
        '',
      ],
      [
        'in other scripts',
        { name: 'Žofie "Žížala" Nováková', address: 'zofie@example.com' },
        'Žofie "Žížala" Nováková <zofie@example.com>',
        'Vážená paní, příliš žluťoučký kůň úpěl ďábelské ódy 🐎 – и ещё немного букв, und noch ein paar Wörter',
        'Ďábelské ódy = 100 % 🐎 ',
      ],
      [
        'hardly in Latin script',
        { name: '山田', address: 'y@example.com' },
        '山田 <y@example.com>',
        'お知らせ',
        '新しい知らせ。',
      ],
    ])('arrives as it was written: %s', async (_name, to, shownTo, subject, word) => {
      const sink = await startSink();
      const line = `${word}a line with = and trailing space that goes on and on`;
      const text = [
        'Hello,',
        '.a dot first',
        '..',
        '',
        'From the start',
        `${line} `,
        ...Array<string>(300).fill(line),
      ].join('\n');
      expect(await mailerTo(sink.smtpUrl).send(mail({ to, subject, text }))).toMatch(/^250 OK: queued as [\w-]{36}$/);

      expect(await sink.mails()).toEqual([
        {
          id: expect.stringMatching(/^[\w-]{36}$/),
          from: FROM,
          to: shownTo,
          subject,
          text,
          listUnsubscribe: '<mailto:unsubscribe@campaigns.example?subject=7.42>',
          receivedAt: expect.stringMatching(/^\d{4}-.*Z$/),
        },
      ]);
    });

    it('is counted without a limit, and the latest mails are listed newest first', async () => {
      const sink = await startSink();
      const mailer = mailerTo(sink.smtpUrl, 8);
      await inParallel(1_100, 32, (index) => mailer.send(mail({ subject: `mail ${index}` })));
      await mailer.send(mail({ subject: 'the last but one' }));
      await mailer.send(mail({ subject: 'the last' }));
      expect(await sink.stats()).toEqual({ received: 1_102, unique: 1_102 });
      expect((await sink.mails('?limit=2')).map(({ subject }) => subject)).toEqual(['the last', 'the last but one']);
      expect(await sink.mails()).toHaveLength(50);
      expect(await sink.mails('?limit=1000')).toHaveLength(1_000);
    });

    it('is listed with a limit from 1 to 1000 only', async () => {
      const sink = await startSink();
      for (const limit of ['0', '1001', '-1', '1.5', 'many', '', '1e2']) {
        expect(await get(`${sink.url}/mails?limit=${limit}`)).toMatchObject({
          status: 400,
          body: {
            statusCode: 400,
            error: 'Bad Request',
            message: 'Validation failed',
            errors: { limit: expect.arrayContaining(['limit must be a whole number from 1 to 1000']) },
          },
        });
      }
      expect(await get(`${sink.url}/health`)).toMatchObject({ status: 200, body: { status: 'up' } });
      expect(await get(`${sink.url}/elsewhere`)).toMatchObject({
        status: 404,
        body: { statusCode: 404, error: 'Not Found', message: expect.any(String) },
      });
    });

    it('is listed to no page whose host name merely resolves to this machine', async () => {
      const sink = await startSink({ ALLOWED_HOSTS: 'mail-sink' });
      const { port } = new URL(sink.url);
      const answerTo = (path: string, host: string): Promise<Answer<unknown>> =>
        send(`${sink.url}/${path}`, { method: 'GET', headers: { host } });
      for (const path of ['', 'mails', 'stats']) {
        for (const host of ['evil.example', `evil.example:${port}`]) {
          expect(await answerTo(path, host)).toMatchObject({ status: 421, body: { error: 'Misdirected Request' } });
        }
        for (const host of [`localhost:${port}`, `mail-sink:${port}`]) {
          expect(await answerTo(path, host)).toMatchObject({ status: 200 });
        }
      }
    });

    it('puts nothing but text on the page', async () => {
      const sink = await startSink();
      const script = `<script>alert("1" + '&')</script>`;
      const to = { name: `${script}ž`, address: 'jan@example.com' };
      await mailerTo(sink.smtpUrl).send(mail({ to, subject: script, text: `${script}\n</pre>` }));
      const { body, headers } = await get<string>(sink.url);
      expect(headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(body).not.toContain('<script');
      expect(body).toContain('<h2>&lt;script&gt;alert(&quot;1&quot; + &#39;&amp;&#39;)&lt;/script&gt;</h2>');
      expect(body.split('</pre>')).toHaveLength(2);
      expect(body).toContain('http-equiv="refresh"');
    });

    it('stays counted across a restart and a kill, and repeated mails are recognized', async () => {
      const directory = mkdtempSync(join(tmpdir(), 'mail-sink-'));
      running.push({ stop: () => rmSync(directory, { recursive: true, force: true }) });
      const journal = join(directory, 'journal');
      const sink = await startSink({ JOURNAL: journal });
      const mailer = mailerTo(sink.smtpUrl);
      const repeated = mail();
      await Promise.all([mailer.send(repeated), mailer.send(mail())]);

      await sink.restart();
      await mailer.send(repeated);
      expect(await sink.stats()).toEqual({ received: 3, unique: 2 });

      await sink.stop('SIGKILL');
      appendFileSync(journal, '<cut-sh'); // what a kill in the middle of a write leaves
      await sink.restart();
      expect(await sink.stats()).toEqual({ received: 3, unique: 2 });
      await mailer.send(mail());
      await sink.restart();
      expect(await sink.stats()).toEqual({ received: 4, unique: 3 });
      expect(await sink.stop()).toBe('exit code 0');
    }, 60_000);
  });

  describe('that the sink does not accept', () => {
    it('is to be sent again if the sink is temporarily unavailable', async () => {
      const sink = await startSink({ FAIL_RATE: '1' });
      const failure = await failureOf(mailerTo(sink.smtpUrl).send(mail()));
      expect(failure).toBeInstanceOf(MailNotTakenError);
      expect(failure.message).toBe('the mail server did not accept it: 451 Temporarily unavailable, try again');
      expect(await sink.stats()).toEqual({ received: 0, unique: 0 });
    });

    it('is refused for good if its address does not exist, and the connection serves the next mail', async () => {
      const sink = await startSink({ FAIL_ADDRESSES: `other@example.com, ${UNWANTED}` });
      const mailer = mailerTo(sink.smtpUrl, 1);
      const address = UNWANTED.toUpperCase();
      const failure = await failureOf(mailer.send(mail({ to: { name: 'Nobody', address } })));
      expect(failure).toBeInstanceOf(MailRefusedError);
      expect(failure.message).toBe('the mail server refused it: 550 No such mailbox');
      await mailer.send(mail());
      expect(await sink.stats()).toEqual({ received: 1, unique: 1 });
    });

    it('is refused for good if it is too large', async () => {
      const sink = await startSink();
      const mailer = mailerTo(sink.smtpUrl, 1);
      const failure = await failureOf(mailer.send(mail({ text: 'x'.repeat(70).concat('\n').repeat(16_000) })));
      expect(failure).toBeInstanceOf(MailRefusedError);
      expect(failure.message).toContain('552');
      await mailer.send(mail({ text: 'x'.repeat(70).concat('\n').repeat(10_000) }));
      expect(await sink.stats()).toEqual({ received: 1, unique: 1 });
    });

    it('is to be sent again if no server listens, and fails at once', async () => {
      const sink = await startSink();
      const mailer = mailerTo(sink.smtpUrl);
      await mailer.send(mail());
      await sink.stop();
      for (const each of [mailer, mailerTo(sink.smtpUrl)]) {
        const failure = await within(2_000, 'the failure', failureOf(each.send(mail())));
        expect(failure).toBeInstanceOf(MailServerAwayError);
      }
      await sink.restart();
      await mailer.send(mail());
      expect(await sink.stats()).toEqual({ received: 1, unique: 1 });
    });

    it('does not count if its sender disconnects in the middle of it', async () => {
      const sink = await startSink();
      const socket = connect(sink.smtpPort, '127.0.0.1');
      let heard = '';
      socket.setEncoding('utf8').on('data', (text: string) => (heard += text));
      await eventually(() => expect(heard).toContain('220'));
      socket.write('EHLO here\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n');
      await eventually(() => expect(heard).toContain('354'));
      socket.write('Subject: half a mail\r\n');
      socket.resetAndDestroy();
      await mailerTo(sink.smtpUrl).send(mail());
      expect(await sink.stats()).toEqual({ received: 1, unique: 1 });
    });
  });

  describe('to a server with other answers', () => {
    const startScripted = async (answers: readonly string[]): Promise<string> => {
      const server = await ScriptedMailServer.start(answers);
      running.push(server);
      return server.address;
    };
    const HELLO = ['220 hello', '250 hello'];
    const LOGIN = ['220 hello', '250-hello\r\n250 AUTH PLAIN'];

    it.each([
      ['a greeting of 554', 'smtp://', ['554 no service here']],
      ['a wrong password', 'smtp://user:secret@', [...LOGIN, '535 5.7.8 bad credentials']],
      ['a login that is missing', 'smtp://', [...HELLO, '530 5.7.0 authentication required']],
      ['a session out of step', 'smtp://', [...HELLO, '250 ok', '503 bad sequence']],
      ['a shutdown', 'smtp://', [...HELLO, '250 ok', '421 closing']],
      ['a full mailbox', 'smtp://', [...HELLO, '250 ok', '452 mailbox full']],
      ['greylisting of the content', 'smtp://', [...HELLO, '250 ok', '250 ok', '354 go on', '450 later']],
    ])('is to be sent again after %s', async (_name, scheme, answers) => {
      const mailer = mailerTo(`${scheme}${await startScripted(answers)}`, 1);
      const failure = await within(5_000, 'the failure', failureOf(mailer.send(mail())));
      expect(failure).toBeInstanceOf(MailNotTakenError);
      expect(failure).not.toBeInstanceOf(MailServerAwayError);
      expect(failure.message).toContain(answers.at(-1));
      expect(failure.message).not.toContain('secret');
    });

    it.each([
      ['the sender', [...HELLO, '553 not from you']],
      ['the recipient', [...HELLO, '250 ok', '550 nobody']],
      ['DATA', [...HELLO, '250 ok', '250 ok', '554 not here']],
      ['the content', [...HELLO, '250 ok', '250 ok', '354 go on', '554 spam']],
    ])('is refused for good after a 5xx to %s', async (_name, answers) => {
      const mailer = mailerTo(`smtp://${await startScripted(answers)}`, 1);
      const failure = await within(5_000, 'the failure', failureOf(mailer.send(mail())));
      expect(failure).toBeInstanceOf(MailRefusedError);
      expect(failure.message).toBe(`the mail server refused it: ${answers.at(-1)}`);
    });

    it('is reported without its address and without the whole text of a long answer', async () => {
      const novel = `550-<jan@example.com>: no ${'very '.repeat(100)}\r\n550 jan@example.com is unknown`;
      const mailer = mailerTo(`smtp://${await startScripted([...HELLO, '250 ok', novel])}`, 1);
      const { message } = await failureOf(mailer.send(mail()));
      expect(message).toMatch(/^the mail server refused it: 550 …: no very very/);
      expect(message).not.toContain('jan');
      expect(message.length).toBeLessThanOrEqual(232);
    });

    it('is reported on one line, without control characters', async () => {
      const forged = '550-no\r\n550 \u001b[31mred\u0007\u0000';
      const mailer = mailerTo(`smtp://${await startScripted([...HELLO, '250 ok', forged])}`, 1);
      const { message } = await failureOf(mailer.send(mail()));
      expect(message).toBe(String.raw`the mail server refused it: 550 no \u001b[31mred\u0007\u0000`);
    });

    it('is reported at once, however long the answer is', async () => {
      const mailer = mailerTo(`smtp://${await startScripted([...HELLO, '250 ok', `550 ${'x'.repeat(900_000)}`])}`, 1);
      const failure = await within(5_000, 'the failure', failureOf(mailer.send(mail())));
      expect(failure).toBeInstanceOf(MailRefusedError);
      expect(failure.message).toBe(`the mail server refused it: 550 ${'x'.repeat(199)}…`);
    });

    it('is to be sent again after some seconds of silence', async () => {
      const mailer = mailerTo(`smtp://${await startScripted([])}`, 1);
      const failure = await within(8_000, 'the failure', failureOf(mailer.send(mail())));
      expect(failure).toBeInstanceOf(MailServerAwayError);
    });
  });

  it('without a valid address is refused for good, with an error that does not contain the address', async () => {
    const mailer = mailerTo((await startSink()).smtpUrl, 1);
    for (const address of ['', 'no address']) {
      const failure = await failureOf(mailer.send(mail({ to: { name: 'Jan', address } })));
      expect(failure).toBeInstanceOf(MailRefusedError);
      expect(failure.message).not.toContain('no address');
    }
  });

  it('is not sent for a caller that has already given up', async () => {
    const sink = await startSink();
    const reason = new Error('the lease is lost');
    await expect(mailerTo(sink.smtpUrl).send(mail(), AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(await sink.stats()).toEqual({ received: 0, unique: 0 });
  });

  it('is not sent for a caller that gives up while the mail waits for a connection', async () => {
    const sink = await startSink();
    const mailer = mailerTo(sink.smtpUrl, 1);
    const controller = new AbortController();
    const first = mailer.send(mail());
    const waiting = mailer.send(mail(), controller.signal);
    const reason = new Error('the lease is lost');
    setImmediate(() => controller.abort(reason));
    await expect(waiting).rejects.toBe(reason);
    await first;
    await mailer.send(mail());
    expect(await sink.stats()).toEqual({ received: 2, unique: 2 });
  });
});
