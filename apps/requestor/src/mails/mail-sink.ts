import { Inject, Injectable, Logger, ServiceUnavailableException } from '@nestjs/common';
import { SETTINGS } from '../settings.js';
import type { RequestorSettings } from '../settings.js';
import type { MailListDto } from './mail.dto.js';

const ANSWER_WITHIN_MS = 2_000;

/** The demo's mail sink, if one is configured. */
@Injectable()
export class MailSink {
  private readonly logger = new Logger(MailSink.name);

  constructor(@Inject(SETTINGS) private readonly settings: RequestorSettings) {}

  async last(limit: number): Promise<MailListDto> {
    const { mailSinkUrl } = this.settings;
    if (mailSinkUrl === undefined) return { hasSink: false, mails: [] };
    return { hasSink: true, mails: await this.ask<MailListDto['mails']>(mailSinkUrl, `mails?limit=${limit}`) };
  }

  private async ask<T>(sink: string, path: string): Promise<T> {
    const url = new URL(path, sink.endsWith('/') ? sink : `${sink}/`);
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
      if (!response.ok) throw new Error(`it answered with ${response.status}`);
      return (await response.json()) as T;
    } catch (error) {
      this.logger.warn(`Cannot list mails of the mail sink: ${(error as Error).message}`);
      throw new ServiceUnavailableException('The mail sink does not answer', { cause: error });
    }
  }
}
