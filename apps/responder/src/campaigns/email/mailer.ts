import { createTransport } from 'nodemailer';
import type { Transporter } from 'nodemailer';
import { printable } from '#platform';
import { Slots } from './slots.js';

export interface Mail {
  /** Including the angle brackets. */
  readonly messageId: string;
  readonly to: { readonly name: string; readonly address: string };
  readonly subject: string;
  readonly text: string;
  /** URL to unsubscribe from further mails (RFC 2369). */
  readonly unsubscribe: string;
}

export interface MailerOptions {
  /**
   * `smtp://`, which is never encrypted, or `smtps://`, which always is; with user and password if the server requires
   * them.
   */
  readonly url: string;
  readonly from: string;
  /** Mails sent at the same time, one per connection; further mails wait for a free connection. */
  readonly maxConnections: number;
}

/** The server will never accept this mail. */
export class MailRefusedError extends Error {
  override readonly name = 'MailRefusedError';
}

/** The server did not accept the mail this time; another attempt may succeed. */
export class MailNotTakenError extends Error {
  override readonly name: string = 'MailNotTakenError';
}

/** The server could not be reached: no mail was offered to it, and a mail that waits for it has used no attempt. */
export class MailServerAwayError extends MailNotTakenError {
  override readonly name = 'MailServerAwayError';
}

const CONNECT_TIMEOUT_MS = 5_000;
const ANSWER_TIMEOUT_MS = 10_000;

/** Sends mails over a pool of SMTP connections, which stay open from one mail to the next. */
export class Mailer {
  private readonly transporter: Transporter;
  private readonly connections: Slots;

  constructor({ url, from, maxConnections }: MailerOptions) {
    this.connections = new Slots(maxConnections);
    const { protocol, hostname, port, username, password } = new URL(url);
    const isEncrypted = protocol === 'smtps:';
    this.transporter = createTransport(
      {
        pool: true,
        host: hostname.replaceAll(/[[\]]/g, ''), // an IPv6 address
        port: Number(port) || undefined,
        secure: isEncrypted,
        ignoreTLS: !isEncrypted,
        ...(username && { auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) } }),
        maxConnections,
        maxMessages: Infinity,
        connectionTimeout: CONNECT_TIMEOUT_MS,
        greetingTimeout: CONNECT_TIMEOUT_MS,
        socketTimeout: ANSWER_TIMEOUT_MS,
        disableFileAccess: true,
        disableUrlAccess: true,
      },
      { from },
    );
  }

  /** Runs `work`, which sends one mail, when a connection is free: by then the mail may no longer be wanted. */
  whenFree<T>(work: () => Promise<T>): Promise<T> {
    return this.connections.run(work);
  }

  /**
   * @param signal when it aborts, a mail that waits for a connection is not sent, and one that is being sent is cut off
   * @returns the server's answer when it accepted the mail
   * @throws {MailRefusedError} if no attempt can succeed
   * @throws {MailServerAwayError} if the server cannot be reached
   * @throws {MailNotTakenError} if another attempt may succeed
   */
  async send({ messageId, to, subject, text, unsubscribe }: Mail, signal?: AbortSignal): Promise<string> {
    signal?.throwIfAborted();
    try {
      const list = { unsubscribe: { url: unsubscribe } };
      const { response } = (await this.transporter.sendMail({ messageId, to, subject, text, list, signal })) as {
        response: string;
      };
      return response;
    } catch (error) {
      signal?.throwIfAborted();
      throw translated(error as SmtpError);
    }
  }

  close(): void {
    this.transporter.close();
  }
}

interface SmtpError extends Error {
  readonly code?: string;
  readonly responseCode?: number;
  readonly response?: string;
  /** Of the error of a socket. */
  readonly syscall?: string;
  readonly timeoutType?: string;
}

/** Nodemailer's codes for errors about the mail itself, as opposed to the connection or the login. */
const ABOUT_THE_MAIL = new Set(['EENVELOPE', 'EMESSAGE']);
/** SMTP codes that are not about the mail: commands out of sequence, or the server requires a login or TLS first. */
const ABOUT_THE_SESSION = new Set([503, 530, 534, 535, 538]);

const AWAY_TIMEOUTS = new Set(['CONNECT_TIMEOUT', 'GREETING_TIMEOUT']);

const isAway = ({ code, syscall, timeoutType = '' }: SmtpError): boolean =>
  code === 'EDNS' || syscall === 'connect' || AWAY_TIMEOUTS.has(timeoutType);

const translated = (error: SmtpError): Error => {
  const { code = '', responseCode } = error;
  if (isAway(error)) return new MailServerAwayError(`the mail server cannot be reached: ${reasonOf(error)}`);
  if (!ABOUT_THE_MAIL.has(code)) return notTaken(error);
  // Nodemailer's own error: its message holds the address, and the server was never asked.
  if (responseCode === undefined) return new MailRefusedError('the mail has no valid address');
  if (responseCode < 500 || ABOUT_THE_SESSION.has(responseCode)) return notTaken(error);
  return new MailRefusedError(`the mail server refused it: ${reasonOf(error)}`);
};

const notTaken = (error: SmtpError): MailNotTakenError =>
  new MailNotTakenError(`the mail server did not accept it: ${reasonOf(error)}`);

/** Servers repeat the address they refuse, some answer at length, and each line of the answer begins with the code. */
const reasonOf = ({ responseCode, response, message }: SmtpError): string => {
  const said = (response?.replaceAll(/^\d{3}[ -]/gm, '') ?? message)
    .replaceAll(/<[^<>]*>/g, '…')
    .replaceAll(/[^\s<>]+/g, withoutAddress)
    .replaceAll(/\s+/g, ' ');
  return responseCode === undefined ? printable(said) : `${responseCode} ${printable(said)}`;
};

/** Word by word: one pattern for a whole address takes minutes to find none in an answer of a megabyte. */
const withoutAddress = (word: string): string => (word.includes('@') ? '…' : word);
