import { Controller, Get, Header, Query } from '@nestjs/common';
import { listedMails } from './listed-mail.js';
import type { ListedMail } from './listed-mail.js';
import { Mailbox } from './mailbox.js';
import { MailsQuery } from './mails.query.js';
import { page } from './page.js';

/** Content of a mail must not run or load anything, even if it gets past the escaping. */
const NOTHING_BUT_STYLES = "default-src 'none'; style-src 'unsafe-inline'";

/** The HTTP side of the sink: an HTML page, and the same data as JSON. */
@Controller()
export class SinkController {
  constructor(private readonly mailbox: Mailbox) {}

  @Get()
  @Header('content-type', 'text/html; charset=utf-8')
  @Header('content-security-policy', NOTHING_BUT_STYLES)
  async page(): Promise<string> {
    return page(this.mailbox.stats, await this.mails(new MailsQuery()));
  }

  @Get('mails')
  mails(@Query() { limit }: MailsQuery): Promise<readonly ListedMail[]> {
    return listedMails(this.mailbox.last(limit));
  }

  @Get('stats')
  stats(): Mailbox['stats'] {
    return this.mailbox.stats;
  }

  @Get('health')
  health(): object {
    return { mode: 'health', status: 'up' };
  }
}
