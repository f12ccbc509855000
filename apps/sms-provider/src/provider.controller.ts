import {
  BadRequestException,
  Body,
  Controller,
  Get,
  Headers,
  HttpCode,
  HttpStatus,
  Inject,
  Post,
  ServiceUnavailableException,
  UnprocessableEntityException,
} from '@nestjs/common';
import { setTimeout as delay } from 'node:timers/promises';
import { MessageDto } from './message.dto.js';
import { Outbox } from './outbox.js';
import type { SentMessage } from './outbox.js';
import { SETTINGS } from './settings.js';
import type { ProviderSettings } from './settings.js';

/** The HTTP API of a paid SMS gateway: `POST /send`, and `GET /sent` to inspect what it has sent. */
@Controller()
export class ProviderController {
  private calls = 0;

  constructor(
    @Inject(SETTINGS) private readonly settings: ProviderSettings,
    private readonly outbox: Outbox,
  ) {}

  @Post('send')
  @HttpCode(HttpStatus.OK)
  async send(
    @Headers('idempotency-key') key: string | undefined,
    @Body() { number, text }: MessageDto,
  ): Promise<{ readonly id: string }> {
    this.calls += 1;
    const { latencyMs, failNumbers, failRate } = this.settings;
    if (latencyMs > 0) await delay(latencyMs);
    if (!key) throw new BadRequestException('The header Idempotency-Key is missing');
    if (failNumbers.has(number)) throw new UnprocessableEntityException(`${number} cannot receive SMS`);
    if (Math.random() < failRate) throw new ServiceUnavailableException('Temporarily unavailable, try again');
    return { id: this.outbox.send(key, number, text).id };
  }

  @Get('sent')
  sent(): { readonly calls: number; readonly unique: number; readonly messages: readonly SentMessage[] } {
    return { calls: this.calls, unique: this.outbox.unique, messages: this.outbox.messages };
  }

  @Get('health')
  health(): object {
    return { mode: 'health', status: 'up' };
  }
}
