import { Inject, Injectable } from '@nestjs/common';
import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { once } from 'node:events';
import { SMTPServer } from 'smtp-server';
import type { SMTPServerDataStream } from 'smtp-server';
import { printable } from '#platform';
import { Mailbox } from './mailbox.js';
import { SETTINGS } from './settings.js';
import type { SinkSettings } from './settings.js';

const MAX_MAIL_BYTES = 1_048_576;
/** Longer than clients keep an idle connection, so that the client is the side that closes it. */
const IDLE_TIMEOUT_MS = 300_000;
/** Time for mails still being received when the server stops. */
const CLOSE_WITHIN_MS = 200;

/** Accepts all mail except what the settings tell it to refuse. No logins and no TLS: for loopback only. */
@Injectable()
export class SmtpListener implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly server: SMTPServer;

  constructor(
    @Inject(SETTINGS) private readonly settings: SinkSettings,
    private readonly mailbox: Mailbox,
  ) {
    this.server = serverFor(settings, mailbox);
  }

  async onApplicationBootstrap(): Promise<void> {
    await once(this.server.listen(this.settings.smtpPort, this.settings.host), 'listening');
  }

  async onApplicationShutdown(): Promise<void> {
    await new Promise<void>((resolve) => this.server.close(resolve));
    this.mailbox.close();
  }
}

const serverFor = ({ failRate, failAddresses }: SinkSettings, mailbox: Mailbox): SMTPServer => {
  const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    logger: false,
    size: MAX_MAIL_BYTES,
    socketTimeout: IDLE_TIMEOUT_MS,
    closeTimeout: CLOSE_WITHIN_MS,
    onMailFrom: (_sender, _session, reply) => reply(),
    onRcptTo: ({ address }, _session, reply) =>
      reply(failAddresses.has(address.toLowerCase()) ? refusal(550, 'No such mailbox') : null),
    onData: (stream, _session, reply) =>
      collect(stream, (mail) => {
        if (stream.sizeExceeded) return reply(refusal(552, 'The mail is too large'));
        if (Math.random() < failRate) return reply(refusal(451, 'Temporarily unavailable, try again'));
        reply(null, `OK: queued as ${mailbox.take(mail)}`);
      }),
  });
  server.on('error', (error) => console.warn(`SMTP: ${printable(error.message)}`));
  return server;
};

const refusal = (responseCode: number, reason: string): Error => Object.assign(new Error(reason), { responseCode });

/** Calls back with a complete mail; nothing is kept from a client that disconnects earlier. */
const collect = (stream: SMTPServerDataStream, take: (mail: Buffer) => void): void => {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => {
    if (!stream.sizeExceeded) chunks.push(chunk);
  });
  stream.once('end', () => take(Buffer.concat(chunks)));
};
