import { createTransport } from 'nodemailer';
import type { Transporter } from 'nodemailer';

export interface Mail {
  /** With its angle brackets. */
  readonly messageId: string;
  readonly to: { readonly name: string; readonly address: string };
  readonly subject: string;
  readonly text: string;
  /** URL by which the recipient asks for no more mails (RFC 2369). */
  readonly unsubscribe: string;
}

export interface MailerOptions {
  /**
   * `smtp://`, which is never encrypted, or `smtps://`, which always is; with user and password where the server asks
   * for them.
   */
  readonly url: string;
  readonly from: string;
  /** Mails on their way at the same time; more of them wait for a free connection. */
  readonly maxConnections: number;
}

/** The server will never take this mail. */
export class MailRefusedError extends Error {
  override readonly name = 'MailRefusedError';
}

/** The server did not take it now; another attempt may succeed. */
export class MailNotTakenError extends Error {
  override readonly name = 'MailNotTakenError';
}

const CONNECT_TIMEOUT_MS = 5_000;
const ANSWER_TIMEOUT_MS = 10_000;
const MAX_REASON_CHARACTERS = 200;

/** Mail over a pool of SMTP connections, which stay open from one mail to the next. */
export class Mailer {
  private readonly transporter: Transporter;

  constructor({ url, from, maxConnections }: MailerOptions) {
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

  /**
   * @returns what the server answered when it took the mail
   * @throws {MailRefusedError} for good
   * @throws {MailNotTakenError} for now
   */
  async send({ messageId, to, subject, text, unsubscribe }: Mail, signal?: AbortSignal): Promise<string> {
    signal?.throwIfAborted();
    try {
      const list = { unsubscribe: { url: unsubscribe } };
      const { response } = (await this.transporter.sendMail({ messageId, to, subject, text, list })) as {
        response: string;
      };
      return response;
    } catch (error) {
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
}

/** Codes of nodemailer for what was said about the mail itself, and not about the connection or the login. */
const ABOUT_THE_MAIL = new Set(['EENVELOPE', 'EMESSAGE']);
/** Answers to a mail that are not about it: the session is out of step, or the server wants a login or TLS first. */
const ABOUT_THE_SESSION = new Set([503, 530, 534, 535, 538]);

const translated = (error: SmtpError): Error => {
  const { code = '', responseCode } = error;
  if (!ABOUT_THE_MAIL.has(code)) return notTaken(error);
  // Nodemailer itself: its message holds the address, and the server was not even asked.
  if (responseCode === undefined) return new MailRefusedError('the mail has no valid address');
  if (responseCode < 500 || ABOUT_THE_SESSION.has(responseCode)) return notTaken(error);
  return new MailRefusedError(`the mail server refused it: ${reasonOf(error)}`);
};

const notTaken = (error: SmtpError): MailNotTakenError =>
  new MailNotTakenError(`the mail server did not take it: ${reasonOf(error)}`);

/** Servers repeat the address that they refuse, some write a novel, and each line of it begins with the code. */
const reasonOf = ({ responseCode, response, message }: SmtpError): string => {
  const said = (response?.replaceAll(/^\d{3}[ -]/gm, '') ?? message)
    .replaceAll(/<[^<>]*>|[^\s<>]+@[^\s<>]+/g, '…')
    .replaceAll(/\s+/g, ' ')
    .slice(0, MAX_REASON_CHARACTERS);
  return responseCode === undefined ? said : `${responseCode} ${said}`;
};
