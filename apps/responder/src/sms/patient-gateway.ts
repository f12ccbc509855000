import { Inject, Injectable, Logger } from '@nestjs/common';
import type { OnModuleDestroy } from '@nestjs/common';
import type { SmsRequested } from '#contracts';
import { pauseAfter } from '../retry.js';
import { SETTINGS } from '../settings.js';
import type { ResponderSettings } from '../settings.js';
import { SmsGateway, SmsProviderUnreachedError } from './sms-gateway.js';

/** `retryDelayMs` may be 0, which suits an attempt but not an outage. */
const MIN_PAUSE_MS = 50;

/**
 * Waits for a provider that cannot be reached, however long it takes: that is not the fault of an SMS, and must not use
 * up its attempts. The pauses grow from `retryDelayMs` to `retryMaxDelayMs`. Ends when the app stops.
 */
@Injectable()
export class PatientGateway implements OnModuleDestroy {
  private readonly logger = new Logger(PatientGateway.name);
  private readonly stopping = new AbortController();
  private isOut = false;

  constructor(
    private readonly gateway: SmsGateway,
    @Inject(SETTINGS) private readonly settings: ResponderSettings,
  ) {}

  /**
   * @returns the provider's message id
   * @throws {SmsProviderUnreachedError} once `signal` aborts or the app stops
   */
  async send(sms: SmsRequested, signal: AbortSignal): Promise<string> {
    const { retryDelayMs, retryMaxDelayMs } = this.settings;
    for (let pauseMs = retryDelayMs; ; pauseMs = Math.min(2 * pauseMs, retryMaxDelayMs)) {
      const outcome = await this.gateway.send(sms, signal).catch((error: Error) => error);
      if (!signal.aborted) this.report(outcome);
      if (typeof outcome === 'string') return outcome;
      if (!(outcome instanceof SmsProviderUnreachedError)) throw outcome;
      const end = AbortSignal.any([signal, this.stopping.signal]);
      await pauseAfter(outcome, Math.max(pauseMs, MIN_PAUSE_MS), end);
    }
  }

  onModuleDestroy(): void {
    this.stopping.abort();
  }

  private report(outcome: string | Error): void {
    const isOut = outcome instanceof SmsProviderUnreachedError;
    if (isOut === this.isOut) return;
    this.isOut = isOut;
    if (isOut) this.logger.warn(`SMS wait until the provider can be reached: ${outcome.message}`);
    else this.logger.log('The SMS provider can be reached again');
  }
}
