import { Inject, Injectable, Logger, ServiceUnavailableException } from '@nestjs/common';
import { call, printable } from '#platform';
import type { CallLimits } from '#platform';
import { SETTINGS } from '../../settings.js';
import type { RequestorSettings } from '../../settings.js';
import type { MailListDto } from './mail.dto.js';

/** The sink keeps the first 64 kB of a mail, and a list holds a hundred mails at most. */
const LIMITS: CallLimits = { timeoutMs: 2_000, maxAnswerBytes: 16_777_216 };

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
      const { status, isOk, body } = await call(url, {}, LIMITS);
      if (!isOk) throw new Error(`it answered with ${status}`);
      return JSON.parse(body) as T;
    } catch (error) {
      // The message of a failed parse quotes the answer.
      this.logger.warn(`Cannot list mails of the mail sink: ${printable((error as Error).message)}`);
      throw new ServiceUnavailableException('The mail sink does not answer', { cause: error });
    }
  }
}
