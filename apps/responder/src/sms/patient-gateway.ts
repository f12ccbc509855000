import { Inject, Injectable, Logger } from '@nestjs/common';
import type { OnModuleDestroy } from '@nestjs/common';
import { setTimeout as delay } from 'node:timers/promises';
import type { SmsRequested } from '#contracts';
import { SETTINGS } from '../settings.js';
import type { ResponderSettings } from '../settings.js';
import { SmsGateway, SmsProviderUnreachedError } from './sms-gateway.js';

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
    const end = AbortSignal.any([signal, this.stopping.signal]);
    for (let pauseMs = this.settings.retryDelayMs; ; pauseMs = Math.min(2 * pauseMs, this.settings.retryMaxDelayMs)) {
      const failure = await this.gateway.send(sms, signal).then(
        (id) => ({ id }),
        (error: Error) => error,
      );
      this.report(failure);
      if ('id' in failure) return failure.id;
      if (!(failure instanceof SmsProviderUnreachedError)) throw failure;
      await delay(pauseMs, undefined, { signal: end }).catch(() => {
        throw failure;
      });
    }
  }

  onModuleDestroy(): void {
    this.stopping.abort();
  }

  private report(outcome: Error | { readonly id: string }): void {
    const isOut = outcome instanceof SmsProviderUnreachedError;
    if (isOut === this.isOut) return;
    this.isOut = isOut;
    if (isOut) this.logger.warn(`SMS wait until the provider can be reached: ${outcome.message}`);
    else this.logger.log('The SMS provider can be reached again');
  }
}
