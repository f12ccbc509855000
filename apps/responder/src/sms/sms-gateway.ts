import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS } from '../settings.js';
import type { ResponderSettings } from '../settings.js';
import type { SmsRequested } from '../../../contracts/src/index.js';

const CALL_TIMEOUT_MS = 5_000;
/** The two 4xx statuses that are temporary and not about the message. */
const PASSING = new Set([408, 429]);

/** The provider will never accept this SMS. */
export class SmsRefusedError extends Error {
  override readonly name = 'SmsRefusedError';
}

/** The provider did not accept the SMS this time; a later call may succeed. */
export class SmsNotTakenError extends Error {
  override readonly name = 'SmsNotTakenError';
}

/** The provider's HTTP API. The idempotency key is the uuid of the SMS, so a call can be repeated safely. */
@Injectable()
export class SmsGateway {
  private readonly url: URL;

  constructor(@Inject(SETTINGS) { smsProviderUrl }: ResponderSettings) {
    this.url = new URL('send', smsProviderUrl.endsWith('/') ? smsProviderUrl : `${smsProviderUrl}/`);
  }

  /** @returns the provider's message id */
  async send({ uuid, number, text }: SmsRequested, signal: AbortSignal): Promise<string> {
    const response = await this.call(uuid, JSON.stringify({ number, text }), signal);
    const body = await response.text().catch(() => '');
    if (response.ok) return providerId(body);
    const { status } = response;
    const reason = `the provider answered ${status}${detail(body)}`;
    if (status >= 400 && status < 500 && !PASSING.has(status)) throw new SmsRefusedError(reason);
    throw new SmsNotTakenError(reason);
  }

  private async call(key: string, body: string, signal: AbortSignal): Promise<Response> {
    try {
      return await fetch(this.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': key },
        body,
        redirect: 'manual',
        signal: AbortSignal.any([signal, AbortSignal.timeout(CALL_TIMEOUT_MS)]),
      });
    } catch (error) {
      const { cause, message } = error as Error;
      throw new SmsNotTakenError(`no answer from the provider: ${cause instanceof Error ? cause.message : message}`);
    }
  }
}

const providerId = (body: string): string => {
  const id = field(body, 'id');
  if (id === undefined) throw new SmsNotTakenError('the provider answered 200 without an id');
  return id;
};

const detail = (body: string): string => {
  const error = field(body, 'error');
  return error === undefined ? '' : `: ${error.slice(0, 200)}`;
};

const field = (body: string, name: string): string | undefined => {
  try {
    const value = (JSON.parse(body) as Record<string, unknown> | null)?.[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  } catch {
    return undefined;
  }
};
