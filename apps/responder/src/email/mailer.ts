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
  /** `smtp://` or `smtps://`, with user and password where the server asks for them. */
  readonly url: string;
  readonly from: string;
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
    this.transporter = createTransport(
      {
        pool: true,
        host: hostname,
        port: Number(port) || undefined,
        secure: protocol === 'smtps:',
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

/** Codes of nodemailer for what the server said about the mail itself, and not about the connection or the login. */
const ABOUT_THE_MAIL = new Set(['EENVELOPE', 'EMESSAGE']);

const translated = ({ code = '', responseCode = 0, response, message }: SmtpError): Error => {
  // Servers repeat the address that they refuse.
  const said = (response ?? message).replaceAll(/\S+@\S+/g, '…').slice(0, MAX_REASON_CHARACTERS);
  if (ABOUT_THE_MAIL.has(code) && responseCode >= 500)
    return new MailRefusedError(`the mail server refused it: ${said}`);
  return new MailNotTakenError(`the mail server did not take it: ${said}`);
};
